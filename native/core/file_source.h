// An image file, a block device or a stream.
//
// Files are read through the page cache and their holes are not read; devices with O_DIRECT, which spares the machine's cache, where
// they allow it.
#pragma once
#include <mutex>

#include "source.h"

namespace strata {

class FileSource : public Source {
 public:
  // `fd` >= 0 is read instead of opening `path`; it stays the caller's.
  FileSource(const std::string& path, int fd, SourceKind kind, uint64_t size, const Control& control);

  bool direct() const override { return direct_; }
  Range next_data(uint64_t offset) override;
  void require_size() const override;
  size_t read_stream(uint8_t* to, size_t length) override;

 protected:
  ssize_t attempt(uint64_t offset, size_t length, uint8_t* to) override;
  ssize_t attempt_small(uint64_t offset, size_t length, uint8_t* to) override;

 private:
  int through_cache();
  const SourceKind kind_;
  Fd owned_, buffered_;
  int fd_;
  bool opened_direct_ = false;
  std::atomic<bool> direct_{false};
  std::mutex fallback_;
};

}  // namespace strata
