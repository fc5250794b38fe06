#include "file_source.h"

#include <poll.h>
#include <sys/stat.h>

#include <cerrno>

#include "failpoint.h"

namespace strata {
namespace {

constexpr int kPollMilliseconds = 100;

}  // namespace

FileSource::FileSource(const std::string& path, int fd, SourceKind kind, uint64_t size, const Control& control)
    : Source(path, size, control), kind_(kind), fd_(fd) {
  if (fd >= 0) return;
  if (kind == SourceKind::device) {
    const int direct = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
    if (direct >= 0) {
      owned_ = Fd(direct);
      direct_ = opened_direct_ = true;
    }
  }
  // A named pipe without a writer must not hold up the open: it is waited for by poll, which sees a cancel.
  if (!owned_) owned_ = open_file(path, kind == SourceKind::stream ? O_RDONLY | O_NONBLOCK : O_RDONLY, "SOURCE_OPEN");
  fd_ = owned_.get();
  if (!direct_ && kind == SourceKind::file) posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);  // a hint; reading works without
}

Range FileSource::next_data(uint64_t offset) {
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

void FileSource::require_size() const {
  if (kind_ != SourceKind::file) return;
  struct stat facts;
  if (fstat(fd_, &facts) != 0) throw Error("SOURCE_READ", "cannot read " + path_, errno, path_);
  if (static_cast<uint64_t>(facts.st_size) < size_) throw shrunk(static_cast<uint64_t>(facts.st_size));
}

ssize_t FileSource::attempt(uint64_t offset, size_t length, uint8_t* to) {
  if (direct_) {
    const ssize_t got = read_at(fd_, to, (length + kAlignment - 1) / kAlignment * kAlignment, offset);
    if (got != -EINVAL) return got < 0 ? got : std::min(got, static_cast<ssize_t>(length));
    direct_ = false;  // the device wants another alignment than ours
  }
  return attempt_small(offset, length, to);
}

ssize_t FileSource::attempt_small(uint64_t offset, size_t length, uint8_t* to) { return read_at(through_cache(), to, length, offset); }

// What any length may be read of.
int FileSource::through_cache() {
  if (!opened_direct_) return fd_;
  const std::lock_guard lock(fallback_);
  if (!buffered_) buffered_ = open_file(path_, O_RDONLY, "SOURCE_OPEN");
  return buffered_.get();
}

size_t FileSource::read_stream(uint8_t* to, size_t length) {
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
