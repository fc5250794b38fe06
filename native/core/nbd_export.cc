#include "nbd_export.h"

#include <algorithm>
#include <cerrno>

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr unsigned kLines = 4;
// On one connection.
constexpr size_t kInFlight = 16;
// How often a request may break a connection.
constexpr unsigned kLosses = 3;
constexpr milliseconds kConnectWithin{20'000}, kFirstPause{100}, kLongestPause{5000}, kLook{100};
// How long whoever was told to stop waits for its answer before it lets go of the server.
constexpr milliseconds kGrace{1000};

// What a server says that goes down, or libnbd of a connection that is gone.
bool is_loss(int error) { return error == ENOTCONN || error == ESHUTDOWN; }

}  // namespace

struct NbdExport::Request {
  uint64_t offset = 0, length = 0;
  // Of a read; else of what.
  uint8_t* to = nullptr;
  NbdExtents* extents = nullptr;
  const std::string* context = nullptr;
  // Under the mutex. What is taken may be written to at any time.
  bool taken = false, done = false;
  int error = 0;
  // Of the line that has it; 0: it is not sent yet.
  int64_t number = 0;
  // By connections that were made after it was lost before: several may break at one blow.
  unsigned losses = 0;
  Clock::time_point lost{};
};

// A connection with its thread, which alone changes it; what others look at, under the mutex.
struct NbdExport::Line {
  Bell bell;
  std::thread thread;
  bool ready = false, ended = false;
  std::vector<Request*> taken;
  // When the connection was made, and what it broke of last.
  Clock::time_point made{};
  std::string trouble;
};

NbdExport::NbdExport(NbdAddress address, Milliseconds patience) : address_(std::move(address)), patience_(patience) {}

NbdExport::~NbdExport() {
  stop();
  for (Line& it : lines_)
    if (it.thread.joinable()) it.thread.join();
}

void NbdExport::open() {
  Line* first;
  {
    const std::lock_guard lock(mutex_);
    first = &lines_.emplace_back();
    if (stopping_) throw Error("CANCELLED", "stopped", 0, address_.path);
  }
  auto connection = connect(*first);
  facts_ = connection->facts();
  const std::lock_guard lock(mutex_);
  first->ready = true;
  first->thread = std::thread([this, first, it = std::move(connection)]() mutable { work(*first, std::move(it)); });
  for (unsigned i = 1; facts_.many_connections && i < kLines; i++) {
    Line& line = lines_.emplace_back();
    line.thread = std::thread([this, &line] { work(line, nullptr); });
  }
}

void NbdExport::stop() {
  const std::lock_guard lock(mutex_);
  lose(let_go());
}

unsigned NbdExport::connections() const {
  const std::lock_guard lock(mutex_);
  return static_cast<unsigned>(std::count_if(lines_.begin(), lines_.end(), [](const Line& it) { return it.ready; }));
}

int NbdExport::read(uint64_t offset, size_t length, uint8_t* to, const Control& control) {
  const uint64_t least = facts_.least, start = offset / least * least;
  const uint64_t end = std::min((offset + length + least - 1) / least * least, std::max(facts_.size, offset + length));
  if (start != offset || end != offset + length) {
    Bytes around(end - start);
    const int error = read(start, around.size(), around.data(), control);
    memcpy(to, around.data() + (offset - start), length);
    return error;
  }
  std::vector<Request> requests;
  const uint64_t most = std::max(facts_.most / least * least, least);
  for (uint64_t at = offset; at < end; at += most) {
    Request& it = requests.emplace_back();
    it.offset = at;
    it.length = std::min(most, end - at);
    it.to = to + (at - offset);
  }
  return ask(requests, control);
}

int NbdExport::status(const std::string& context, uint64_t offset, uint64_t length, NbdExtents& extents, const Control& control) {
  Request request;
  request.offset = offset;
  request.length = length;
  request.context = &context;
  request.extents = &extents;
  return ask({&request, 1}, control);
}

// Has them answered; the first errno, or 0.
int NbdExport::ask(std::span<Request> requests, const Control& control) {
  std::unique_lock lock(mutex_);
  for (Request& it : requests) {
    queue_.push_back(&it);
    wake();
  }
  std::optional<Clock::time_point> told;
  const auto count = [&](auto&& pass) { return static_cast<size_t>(std::count_if(requests.begin(), requests.end(), pass)); };
  while (count([](const Request& it) { return it.done; }) < requests.size()) {
    // When all is lost, only what a line still has is waited for; it lets go of it at once.
    if (lost_ && count([](const Request& it) { return it.taken; }) == 0) {
      std::erase_if(queue_, [&](const Request* it) { return it >= &requests.front() && it <= &requests.back(); });
      if (control.stopping()) return 0;
      throw *lost_;
    }
    answered_.wait_for(lock, kLook);
    if (!control.stopping() || lost_) continue;
    if (!told) told = Clock::now();
    if (Clock::now() - *told >= kGrace) lose(let_go());
  }
  for (const Request& it : requests)
    if (it.error != 0) return it.error;
  return 0;
}

// Of those that are connected the one that has least to do; when none is, all. Under the mutex.
void NbdExport::wake() {
  Line* idlest = nullptr;
  for (Line& it : lines_)
    if (it.ready && (idlest == nullptr || it.taken.size() < idlest->taken.size())) idlest = &it;
  if (idlest != nullptr) return idlest->bell.ring();
  for (Line& it : lines_) it.bell.ring();
}

// Under the mutex.
void NbdExport::lose(const Error& reason) {
  if (!lost_) lost_ = reason;
  stopping_ = true;
  for (Line& it : lines_) it.bell.ring();
  answered_.notify_all();
}

Error NbdExport::let_go() const { return Error("SOURCE_LOST", "it was let go", 0, address_.path); }

std::unique_ptr<NbdConnection> NbdExport::connect(Line& line) {
  auto made = std::make_unique<NbdConnection>(address_, std::min(kConnectWithin, patience_), line.bell, stopping_);
  line.made = Clock::now();
  return made;
}

void NbdExport::work(Line& line, std::unique_ptr<NbdConnection> connection) {
  std::optional<Error> failure;
  try {
    if (!connection) {
      connection = connect(line);
      const std::lock_guard lock(mutex_);
      line.ready = true;
    }
    while (connection && serve(line, *connection)) {
      line.trouble = connection->trouble();
      connection.reset();  // before anybody else may have what it was to fill
      give_back(line);
      connection = again(line);
    }
  } catch (const Error& error) {
    line.trouble = error.what();  // there are servers that serve fewer than they say
  } catch (const std::exception& error) {
    failure = Error("OUT_OF_MEMORY", error.what());
  }
  connection.reset();
  const std::lock_guard lock(mutex_);
  for (Request* it : line.taken) it->taken = false;
  line.taken.clear();
  line.ready = false;
  line.ended = true;
  const bool last = std::all_of(lines_.begin(), lines_.end(), [](const Line& it) { return it.ended; });
  if (failure)
    lose(*failure);
  else if (last)
    lose(Error("SOURCE_LOST", line.trouble, 0, address_.path));
  else
    wake();
  answered_.notify_all();
}

// Until the connection is lost (true) or nobody wants it any more.
bool NbdExport::serve(Line& line, NbdConnection& connection) {
  auto moved = Clock::now();
  while (!stopping_) {
    if (line.taken.empty()) moved = Clock::now();
    take(line);
    send(line, connection);
    const auto left = std::chrono::ceil<milliseconds>(moved + patience_ - Clock::now());
    if (!line.taken.empty() && left.count() <= 0) connection.give_up("it did not answer for " + std::to_string(patience_.count() / 1000) + " s");
    if (connection.alive() && connection.turn(line.taken.empty() ? milliseconds(-1) : left)) moved = Clock::now();
    collect(line, connection);
    if (!connection.alive()) return !stopping_;
  }
  return false;
}

void NbdExport::take(Line& line) {
  const std::lock_guard lock(mutex_);
  while (!queue_.empty() && line.taken.size() < kInFlight) {
    Request& it = *queue_.front();
    queue_.pop_front();
    it.taken = true;
    it.number = 0;
    line.taken.push_back(&it);
  }
}

void NbdExport::send(Line& line, NbdConnection& connection) {
  for (Request* it : line.taken) {
    if (it->number != 0 || !connection.alive()) continue;
    if (it->extents != nullptr) it->extents->clear();
    it->number = it->to != nullptr ? connection.read(it->offset, it->length, it->to) : connection.status(it->offset, it->length, *it->context, *it->extents);
  }
}

void NbdExport::collect(Line& line, NbdConnection& connection) {
  const std::lock_guard lock(mutex_);
  std::erase_if(line.taken, [&](Request* it) {
    const int answer = it->number > 0 ? connection.answered(it->number) : static_cast<int>(it->number);
    if (answer == 0) return false;
    if (answer < 0 && (is_loss(-answer) || !connection.alive())) {
      if (connection.alive()) connection.give_up("the server goes down");
      it->number = 0;
      return false;
    }
    it->taken = false;
    it->done = true;
    it->error = answer < 0 ? -answer : 0;
    answered_.notify_all();
    return true;
  });
}

void NbdExport::give_back(Line& line) {
  const std::lock_guard lock(mutex_);
  line.ready = false;
  for (Request* it : line.taken) {
    it->taken = false;
    queue_.push_front(it);
    if (line.made < it->lost) continue;
    it->lost = Clock::now();
    if (++it->losses >= kLosses) lose(Error("SOURCE_LOST", line.trouble, 0, address_.path));
  }
  line.taken.clear();
  answered_.notify_all();
  wake();
}

// The connection made anew; null when that cannot be, or is not wanted any more. One that is idle waits until it is needed: there are servers that
// dismiss who asks for nothing.
std::unique_ptr<NbdConnection> NbdExport::again(Line& line) {
  const auto needed = [this] {
    const std::lock_guard lock(mutex_);
    return !queue_.empty();
  };
  while (!stopping_ && !needed()) line.bell.wait(milliseconds(-1));
  const auto end = Clock::now() + patience_;
  for (auto pause = kFirstPause; !stopping_ && Clock::now() < end; pause = std::min(pause * 2, kLongestPause)) {
    for (const auto next = std::min(end, Clock::now() + pause); !stopping_ && Clock::now() < next;)
      line.bell.wait(std::chrono::ceil<milliseconds>(next - Clock::now()));
    if (stopping_) break;
    try {
      auto connection = connect(line);
      losses_++;
      const std::lock_guard lock(mutex_);
      if (connection->facts().size != facts_.size) {
        lose(Error("SOURCE_SIZE_CHANGED", "since the connection was made again it is another", 0, address_.path));
        return nullptr;
      }
      line.ready = true;
      return connection;
    } catch (const Error& error) {
      line.trouble = error.what();
    }
  }
  return nullptr;
}

}  // namespace strata
