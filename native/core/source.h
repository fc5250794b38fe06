// What a backup reads: an image file, a block device or a stream.
//
// Files are read through the page cache and their holes are not read; devices with O_DIRECT, which spares the machine's cache, where
// they allow it. A range that cannot be read is tried again, then sector by sector; what stays unreadable is reported and zero.
#pragma once
#include <mutex>

#include "control.h"
#include "io.h"

namespace strata {

enum class SourceKind { file, device, stream };

struct Range {
  uint64_t offset, length;
};

// Adds a range to ascending ones; where it touches the last, that grows.
inline void add_range(std::vector<Range>& ranges, const Range& it) {
  if (!ranges.empty() && ranges.back().offset + ranges.back().length == it.offset)
    ranges.back().length += it.length;
  else
    ranges.push_back(it);
}

class Source {
 public:
  static constexpr size_t kAlignment = 4096;

  // `fd` >= 0 is read instead of opening `path`; it stays the caller's.
  Source(const std::string& path, int fd, SourceKind kind, uint64_t size, const Control& control);

  SourceKind kind() const { return kind_; }
  uint64_t size() const { return size_; }
  bool direct() const { return direct_; }

  // The next range at or after `offset` that may hold data (all the rest is a hole); length 0 at the end.
  Range next_data(uint64_t offset) const;

  // Fills `to` (aligned, room for `length` rounded up to kAlignment) from `offset`; unreadable ranges are zeroed and added to `unreadable`.
  void read(uint64_t offset, size_t length, uint8_t* to, std::vector<Range>& unreadable);

  // Throws when a file is shorter than it was: for who does not read all of it.
  void require_size() const;

  // Streams: up to `length` bytes, less only at the end.
  size_t read_stream(uint8_t* to, size_t length);

 private:
  Error shrunk(uint64_t end) const;
  ssize_t attempt(uint64_t offset, size_t length, uint8_t* to);
  void rescue(uint64_t offset, size_t length, uint8_t* to, std::vector<Range>& unreadable);
  std::string path_;
  SourceKind kind_;
  uint64_t size_;
  const Control& control_;
  Fd owned_, buffered_;
  int fd_;
  std::atomic<bool> direct_{false};
  std::mutex fallback_;
};

}  // namespace strata
