// What a backup reads, wherever it lies: a file, a device, a stream (file_source.h), an export of an NBD server (nbd_source.h).
//
// A range that cannot be read is tried again, then sector by sector; what stays unreadable is reported and zero.
#pragma once
#include <memory>

#include "control.h"
#include "io.h"

namespace strata {

class NbdExport;

enum class SourceKind { file, device, stream, nbd };

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

  // `path` is for messages.
  Source(std::string path, uint64_t size, const Control& control) : path_(std::move(path)), size_(size), control_(control) {}
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  uint64_t size() const { return size_; }
  virtual bool direct() const { return false; }

  // The next range at or after `offset` that may hold data (all the rest is a hole); length 0 at the end. For one thread at a time.
  virtual Range next_data(uint64_t offset) = 0;

  // Fills `to` (aligned, room for `length` rounded up to kAlignment) from `offset`; unreadable ranges are zeroed and added to `unreadable`.
  void read(uint64_t offset, size_t length, uint8_t* to, std::vector<Range>& unreadable);

  // Throws when it is shorter than it was: for who does not read all of it.
  virtual void require_size() const {}

  // Streams: up to `length` bytes, less only at the end.
  virtual size_t read_stream(uint8_t* to, size_t length);

 protected:
  // Bytes read, less than `length` only at the end; or -errno.
  virtual ssize_t attempt(uint64_t offset, size_t length, uint8_t* to) = 0;
  // The same for any offset and length, past caches that hold nothing of what failed.
  virtual ssize_t attempt_small(uint64_t offset, size_t length, uint8_t* to) = 0;

  Error shrunk(uint64_t end) const;
  const std::string path_;
  const uint64_t size_;
  const Control& control_;

 private:
  void rescue(uint64_t offset, size_t length, uint8_t* to, std::vector<Range>& unreadable);
};

// Where a source lies.
struct SourcePlace {
  std::string path;
  // >= 0: read instead of opening `path`; it stays the caller's.
  int fd = -1;
  SourceKind kind = SourceKind::file;
  uint64_t size = 0;
  // Of kind `nbd`.
  std::shared_ptr<NbdExport> nbd;
};

std::unique_ptr<Source> open_source(const SourcePlace& place, const Control& control);

}  // namespace strata
