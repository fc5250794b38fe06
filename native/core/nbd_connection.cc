#include "nbd_connection.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>

#include "nbd_library.h"

namespace strata {
namespace {

// What servers take that do not say how much: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md, Block size constraints.
constexpr uint64_t kMostBytes = 32u << 20;

// The sentence without the name of the function in front.
std::string last_error() {
  const char* const text = nbd_library().get_error();
  if (text == nullptr) return "the server closed the connection";
  const char* const end = strstr(text, ": ");
  return strncmp(text, "nbd_", 4) == 0 && end != nullptr ? end + 2 : text;
}

}  // namespace

Bell::Bell() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) throw Error("IO", "cannot make an eventfd", errno);
}

void Bell::ring() noexcept {
  const uint64_t one = 1;
  // It fails only when it has rung very often already.
  [[maybe_unused]] const ssize_t done = write(fd_.get(), &one, sizeof one);
}

void Bell::wait(std::chrono::milliseconds limit) noexcept {
  pollfd rung{fd_.get(), POLLIN, 0};
  if (poll(&rung, 1, static_cast<int>(limit.count())) > 0) quieten();
}

void Bell::quieten() noexcept {
  uint64_t count;
  [[maybe_unused]] const ssize_t done = ::read(fd_.get(), &count, sizeof count);
}

// Of a request for extents: which context's, and where to.
struct NbdConnection::Asked {
  std::string context;
  NbdExtents& extents;
};

NbdConnection::NbdConnection(const NbdAddress& address, Milliseconds limit, Bell& bell, const std::atomic<bool>& stopping)
    : address_(address), bell_(bell), handle_(nbd_library().create()) {
  if (handle_ == nullptr) throw failure();
  try {
    connect(limit, stopping);
    look();
  } catch (...) {
    nbd_library().close(handle_);
    throw;
  }
}

NbdConnection::~NbdConnection() {
  const NbdLibrary& nbd = nbd_library();
  // A farewell, as far as it can be had without waiting.
  if (alive()) nbd.aio_disconnect(handle_, 0);
  nbd.close(handle_);
}

bool NbdConnection::alive() const { return !broken_ && nbd_library().aio_is_dead(handle_) == 0 && nbd_library().aio_is_closed(handle_) == 0; }

void NbdConnection::note() {
  if (trouble_.empty()) trouble_ = last_error();
}

void NbdConnection::give_up(const std::string& reason) {
  trouble_ = reason;
  broken_ = true;
}

Error NbdConnection::failure() const {
  const std::string reason = trouble_.empty() ? last_error() : trouble_;
  const bool missing = nbd_library().get_errno() == ENOENT && reason.find("handshake") != std::string::npos;
  return Error(missing ? "SOURCE_EXPORT_MISSING" : "SOURCE_UNREACHABLE", reason, 0, address_.path);
}

void NbdConnection::connect(Milliseconds limit, const std::atomic<bool>& stopping) {
  const NbdLibrary& nbd = nbd_library();
  const auto must = [&](int result) {
    if (result != 0) throw failure();
  };
  must(nbd.set_export_name(handle_, address_.name.c_str()));
  for (const std::string& it : address_.contexts) must(nbd.add_meta_context(handle_, it.c_str()));
  if (!address_.certificates.empty()) {
    must(nbd.set_tls(handle_, LIBNBD_TLS_REQUIRE));
    must(nbd.set_tls_certificates(handle_, address_.certificates.c_str()));
    must(nbd.set_tls_verify_peer(handle_, true));
  }
  must(address_.socket.empty() ? nbd.aio_connect_tcp(handle_, address_.host.c_str(), address_.port.c_str())
                               : nbd.aio_connect_unix(handle_, address_.socket.c_str()));
  const auto end = std::chrono::steady_clock::now() + limit;
  while (alive() && nbd.aio_is_connecting(handle_) == 1) {
    if (stopping) throw Error("CANCELLED", "stopped", 0, address_.path);
    const auto left = std::chrono::ceil<Milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) throw Error("SOURCE_UNREACHABLE", "it does not answer within " + std::to_string(limit.count() / 1000) + " s", 0, address_.path);
    turn(left);
  }
  if (!alive() || nbd.aio_is_ready(handle_) != 1) {
    note();
    throw failure();
  }
}

void NbdConnection::look() {
  const NbdLibrary& nbd = nbd_library();
  const int64_t size = nbd.get_size(handle_);
  if (size < 0) throw failure();
  facts_.size = static_cast<uint64_t>(size);
  facts_.read_only = nbd.is_read_only(handle_) == 1;
  facts_.many_connections = nbd.can_multi_conn(handle_) == 1;
  facts_.least = static_cast<uint64_t>(std::max<int64_t>(1, nbd.get_block_size(handle_, LIBNBD_SIZE_MINIMUM)));
  const int64_t most = nbd.get_block_size(handle_, LIBNBD_SIZE_MAXIMUM);
  facts_.most = most > 0 ? std::min<uint64_t>(static_cast<uint64_t>(most), kMostBytes) : kMostBytes;
  for (const std::string& it : address_.contexts)
    if (nbd.can_meta_context(handle_, it.c_str()) == 1) facts_.contexts.push_back(it);
}

int NbdConnection::refused() {
  const int error = nbd_library().get_errno();
  return -(error != 0 ? error : EINVAL);
}

int64_t NbdConnection::read(uint64_t offset, size_t length, uint8_t* to) {
  const int64_t number = nbd_library().aio_pread(handle_, to, length, offset, nbd_completion_callback{}, 0);
  return number > 0 ? number : refused();
}

int64_t NbdConnection::status(uint64_t offset, uint64_t length, const std::string& context, NbdExtents& extents) {
  const auto take = [](void* asked, const char* context, uint64_t, uint32_t* entries, size_t count, int*) {
    auto& it = *static_cast<Asked*>(asked);
    if (it.context == context) it.extents.assign(entries, entries + count);
    return 0;
  };
  const auto drop = [](void* asked) { delete static_cast<Asked*>(asked); };
  const nbd_extent_callback callback{take, new Asked{context, extents}, drop};
  const int64_t number = nbd_library().aio_block_status(handle_, length, offset, callback, nbd_completion_callback{}, 0);
  return number > 0 ? number : refused();
}

int NbdConnection::answered(int64_t number) {
  const int done = nbd_library().aio_command_completed(handle_, static_cast<uint64_t>(number));
  return done >= 0 ? done : refused();
}

bool NbdConnection::turn(Milliseconds limit) {
  const NbdLibrary& nbd = nbd_library();
  const unsigned direction = nbd.aio_get_direction(handle_);
  const bool reads = (direction & LIBNBD_AIO_DIRECTION_READ) != 0, writes = (direction & LIBNBD_AIO_DIRECTION_WRITE) != 0;
  pollfd waits[] = {{nbd.aio_get_fd(handle_), static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)), 0}, {bell_.fd(), POLLIN, 0}};
  if (poll(waits, 2, static_cast<int>(limit.count())) <= 0) return false;
  if (waits[1].revents != 0) bell_.quieten();
  const short seen = waits[0].revents;
  if (seen == 0) return false;
  // Not both: the one may make the other meaningless.
  int done = -1;
  if (reads && (seen & (POLLIN | POLLHUP | POLLERR)) != 0)
    done = nbd.aio_notify_read(handle_);
  else if (writes)
    done = nbd.aio_notify_write(handle_);
  if (done == 0 && alive()) return true;
  note();
  broken_ = true;
  return true;
}

}  // namespace strata
