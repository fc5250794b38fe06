#include "io.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include <cerrno>

#include "failpoint.h"

namespace strata {
namespace {
constexpr size_t kBuffer = 1 << 20;
constexpr uint64_t kPushEvery = 8 << 20;
}  // namespace

Fd open_file(const std::string& path, int flags, const char* code, mode_t mode) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) throw Error(code, "cannot open " + path, errno, path);
  return Fd(fd);
}

ssize_t read_at(int fd, uint8_t* to, size_t count, uint64_t offset) {
  size_t done = 0;
  while (done < count) {
    const ssize_t got = pread(fd, to + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return static_cast<ssize_t>(done);
}

void read_exact(int fd, std::span<uint8_t> out, uint64_t offset, const char* code, const std::string& path) {
  const ssize_t got = read_at(fd, out.data(), out.size(), offset);
  if (got < 0) throw Error(code, "cannot read " + path, static_cast<int>(-got), path);
  if (static_cast<size_t>(got) != out.size())
    throw Error(code, path + " ends at " + std::to_string(offset + static_cast<uint64_t>(got)) + " although " +
                          std::to_string(offset + out.size()) + " bytes are needed", 0, path);
}

void write_at(int fd, View bytes, uint64_t offset, const char* code, const std::string& path) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) throw Error(code, "cannot write " + path + " at " + std::to_string(offset + done), put < 0 ? errno : EIO, path);
    done += static_cast<size_t>(put);
  }
}

Appender::Appender(const std::string& path, const char* place)
    : path_(path), place_(place), fd_(open_file(path, O_WRONLY | O_CREAT | O_EXCL, "SPOOL_WRITE")) {
  buffer_.reserve(kBuffer);
}

void Appender::append(View bytes) {
  size_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBuffer) flush();
  if (bytes.size() >= kBuffer) {
    buffer_.assign(bytes.begin(), bytes.end());
    flush();
  } else {
    put_bytes(buffer_, bytes);
  }
}

// A no of the system is one thing, a broken or full disk another.
int Appender::refusal() const {
  const int error = errno;
  if (error == EIO || error == ENOSPC || error == EDQUOT || error == ENOMEM) throw Error("SPOOL_WRITE", "cannot write " + path_, error, path_);
  return error;
}

int Appender::shares_with(int from) {
  if (ioctl(fd_.get(), FICLONE, from) != 0) return refusal();
  if (ftruncate(fd_.get(), 0) != 0) throw Error("SPOOL_WRITE", "cannot write " + path_, errno, path_);
  return 0;
}

uint64_t Appender::file_system_block() const {
  struct statfs facts;
  if (fstatfs(fd_.get(), &facts) != 0) throw Error("SPOOL_WRITE", "cannot tell the block size of " + path_, errno, path_);
  return static_cast<uint64_t>(facts.f_bsize);
}

int Appender::append_shared(int from, uint64_t offset, uint64_t length) {
  flush();
  break_here();
  const file_clone_range range = {from, offset, length, written_};
  if (ioctl(fd_.get(), FICLONERANGE, &range) != 0) return refusal();
  size_ += length;
  written(length);
  return 0;
}

uint64_t Appender::append_in_kernel(int from, uint64_t offset, uint64_t length) {
  flush();
  break_here();
  uint64_t done = 0;
  while (done < length) {
    auto in = static_cast<off_t>(offset + done), out = static_cast<off_t>(written_);
    const ssize_t got = copy_file_range(from, &in, fd_.get(), &out, length - done, 0);
    if (got < 0 && errno == EINTR) continue;
    // Which of the two files failed is not told: whoever reads and writes instead learns it.
    if (got <= 0) break;
    done += static_cast<uint64_t>(got);
    size_ += static_cast<uint64_t>(got);
    written(static_cast<uint64_t>(got));
  }
  return done;
}

void Appender::break_here() const {
  if (const int broken = failpoint(place_)) throw Error("SPOOL_WRITE", "cannot write " + path_, broken, path_);
}

void Appender::flush() {
  if (buffer_.empty()) return;
  break_here();
  write_at(fd_.get(), buffer_, written_, "SPOOL_WRITE", path_);
  const size_t count = buffer_.size();
  buffer_.clear();
  written(count);
}

void Appender::written(uint64_t count) {
  written_ += count;
  if (written_ - pushed_ >= kPushEvery) {
    // Only a hint that spreads the disk's work over the run; its failure shows again, and counts, at the fsync.
    sync_file_range(fd_.get(), static_cast<off_t>(pushed_), static_cast<off_t>(written_ - pushed_), SYNC_FILE_RANGE_WRITE);
    pushed_ = written_;
  }
}

void Appender::finish() {
  flush();
  sync_file_range(fd_.get(), static_cast<off_t>(pushed_), 0, SYNC_FILE_RANGE_WRITE);
  // Some file systems (NFS, FUSE) write only now, and tell nobody later that it failed.
  if (close(fd_.release()) != 0 && errno != EINTR) throw Error("SPOOL_WRITE", "cannot write " + path_, errno, path_);
  buffer_ = Bytes();
}

}  // namespace strata
