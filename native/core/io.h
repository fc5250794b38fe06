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

  // Whether the file system can have this file, of which nothing was written yet, share blocks with the file `from`: 0, or the errno of its no.
  int shares_with(int from);
  // What the file system allots in, and shares.
  uint64_t file_system_block() const;
  // Appends bytes of another file by sharing their blocks: `offset`, size() and `length` must be multiples of the file system's block.
  // 0, or the errno with which the system refused; then nothing was appended.
  int append_shared(int from, uint64_t offset, uint64_t length);
  // Appends bytes of another file without their passing through this process; returns how many: less than `length` when the system refuses.
  uint64_t append_in_kernel(int from, uint64_t offset, uint64_t length);

  // Writes what is buffered and starts its way to the disk, so that the later fsync is short.
  void finish();
  uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }

 private:
  void flush();
  void break_here() const;
  int refusal() const;
  void written(uint64_t count);
  std::string path_;
  const char* place_;
  Fd fd_;
  Bytes buffer_;
  uint64_t size_ = 0, written_ = 0, pushed_ = 0;
};

}  // namespace strata
