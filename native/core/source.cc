#include "source.h"

#include <poll.h>
#include <sys/stat.h>

#include <cerrno>

#include "failpoint.h"

namespace strata {
namespace {

constexpr size_t kSector = 512, kStep = 4096;
constexpr int kTries = 3, kPollMilliseconds = 100;

// Errors that say "this place of the medium", not "this device is gone".
bool medium_error(int error) { return error == EIO || error == EILSEQ || error == EREMOTEIO || error == ENODATA || error == EBADMSG; }

}  // namespace

Source::Source(const std::string& path, int fd, SourceKind kind, uint64_t size, const Control& control)
    : path_(path), kind_(kind), size_(size), control_(control), fd_(fd) {
  if (fd >= 0) return;
  if (kind == SourceKind::device) {
    const int direct = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
    if (direct >= 0) {
      owned_ = Fd(direct);
      direct_ = true;
    }
  }
  // A named pipe without a writer must not hold up the open: it is waited for by poll, which sees a cancel.
  if (!owned_) owned_ = open_file(path, kind == SourceKind::stream ? O_RDONLY | O_NONBLOCK : O_RDONLY, "SOURCE_OPEN");
  fd_ = owned_.get();
  if (!direct_ && kind == SourceKind::file) posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);  // a hint; reading works without
}

Range Source::next_data(uint64_t offset) const {
  if (offset >= size_) return {size_, 0};
  const Range all{offset, size_ - offset};
  if (kind_ != SourceKind::file) return all;
  const off_t start = lseek(fd_, static_cast<off_t>(offset), SEEK_DATA);
  if (start < 0 && errno != ENXIO) return all;  // a file system that does not tell
  if (start < 0) {
    // No data until the end: of a file that is still as long as it was, or else what was cut off would pass for zeros.
    require_size();
    return {size_, 0};
  }
  const off_t end = lseek(fd_, start, SEEK_HOLE);
  const uint64_t from = std::min(static_cast<uint64_t>(start), size_);
  return {from, end > start ? std::min(static_cast<uint64_t>(end), size_) - from : size_ - from};
}

void Source::require_size() const {
  if (kind_ != SourceKind::file) return;
  struct stat facts;
  if (fstat(fd_, &facts) != 0) throw Error("SOURCE_READ", "cannot read " + path_, errno, path_);
  if (static_cast<uint64_t>(facts.st_size) < size_) throw shrunk(static_cast<uint64_t>(facts.st_size));
}

Error Source::shrunk(uint64_t end) const {
  return Error("SOURCE_SIZE_CHANGED", path_ + " ended at " + std::to_string(end) + " while it was read", 0, path_);
}

ssize_t Source::attempt(uint64_t offset, size_t length, uint8_t* to) {
  if (const int broken = failpoint("native.source.read")) return -broken;
  if (direct_) {
    const ssize_t got = read_at(fd_, to, (length + kAlignment - 1) / kAlignment * kAlignment, offset);
    if (got != -EINVAL) return got < 0 ? got : std::min(got, static_cast<ssize_t>(length));
    // The device wants another alignment than ours: read it through the cache from here on.
    const std::lock_guard lock(fallback_);
    if (direct_) {
      buffered_ = open_file(path_, O_RDONLY, "SOURCE_OPEN");
      direct_ = false;
    }
  }
  return read_at(buffered_ ? buffered_.get() : fd_, to, length, offset);
}

void Source::read(uint64_t offset, size_t length, uint8_t* to, std::vector<Range>& unreadable) {
  const ssize_t got = attempt(offset, length, to);
  if (got == static_cast<ssize_t>(length)) return;
  if (got >= 0) throw shrunk(offset + static_cast<uint64_t>(got));
  if (!medium_error(static_cast<int>(-got))) throw Error("SOURCE_READ", "cannot read " + path_ + " at " + std::to_string(offset), static_cast<int>(-got), path_);
  rescue(offset, length, to, unreadable);
}

void Source::rescue(uint64_t offset, size_t length, uint8_t* to, std::vector<Range>& unreadable) {
  // Through the cache, where any length is allowed.
  Fd fd = owned_ ? open_file(path_, O_RDONLY, "SOURCE_OPEN") : Fd(fcntl(fd_, F_DUPFD_CLOEXEC, 0));
  const auto tried = [&](uint64_t at, size_t count) {
    for (int i = 0; i < kTries && !control_.stopping(); i++) {
      const int broken = failpoint("native.source.rescue");
      const ssize_t got = broken != 0 ? -broken : read_at(fd.get(), to + (at - offset), count, at);
      if (got == static_cast<ssize_t>(count)) return true;
      if (got >= 0 || !medium_error(static_cast<int>(-got)))
        throw Error("SOURCE_READ", "cannot read " + path_ + " at " + std::to_string(at), got < 0 ? static_cast<int>(-got) : 0, path_);
    }
    return false;
  };
  for (uint64_t at = offset; at < offset + length; at += kStep) {
    const size_t step = std::min<size_t>(kStep, offset + length - at);
    if (tried(at, step)) continue;
    for (uint64_t sector = at; sector < at + step; sector += kSector) {
      const size_t count = std::min<size_t>(kSector, at + step - sector);
      if (tried(sector, count)) continue;
      memset(to + (sector - offset), 0, count);
      add_range(unreadable, {sector, count});
    }
  }
}

size_t Source::read_stream(uint8_t* to, size_t length) {
  size_t done = 0;
  while (done < length && !control_.stopping()) {
    pollfd wait{fd_, POLLIN, 0};
    const int ready = poll(&wait, 1, kPollMilliseconds);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const int broken = failpoint("native.source.read");
    const ssize_t got = broken != 0 ? -1 : ::read(fd_, to + done, length - done);
    if (got < 0 && broken == 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) throw Error("SOURCE_READ", "cannot read the stream " + path_, broken != 0 ? broken : errno, path_);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace strata
