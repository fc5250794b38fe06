// Descriptors that close themselves, and reads and writes that finish or throw.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "bytes.h"

namespace strata {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// Opens or throws `code` with the path.
Fd open_file(const std::string& path, int flags, const char* code, mode_t mode = 0600);

// Reads up to `count` bytes at `offset`, less only at the end of the file. Returns the count read, or -errno.
ssize_t read_at(int fd, uint8_t* to, size_t count, uint64_t offset);

// Exactly out.size() bytes or an Error of `code`.
void read_exact(int fd, std::span<uint8_t> out, uint64_t offset, const char* code, const std::string& path);

// All of `bytes`, or an Error of `code`.
void write_at(int fd, View bytes, uint64_t offset, const char* code, const std::string& path);

// A file that is written front to back in large pieces; `place` is its failpoint. Not durable until the owner syncs it.
class Appender {
 public:
  Appender(const std::string& path, const char* place);
  void append(View bytes);
  // Writes what is buffered and starts its way to the disk, so that the later fsync is short.
  void finish();
  uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }

 private:
  void flush();
  std::string path_;
  const char* place_;
  Fd fd_;
  Bytes buffer_;
  uint64_t size_ = 0, written_ = 0, pushed_ = 0;
};

}  // namespace strata
