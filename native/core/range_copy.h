// Bytes of one pack appended to another, a file, in the cheapest way that the system grants: blocks that both files share (reflink), a copy within
// the kernel, or read and written.
#pragma once
#include <atomic>

#include "pack_object.h"

namespace strata {

// Whether blocks are shared: where the file system can; always (else it is an error); not at all, so that every byte is written anew.
enum class Clone { automatic, require, never };

struct PackRange {
  const PackObject& pack;
  uint64_t offset, length;
};

class RangeCopy {
 public:
  explicit RangeCopy(Clone clone) : clone_(clone) {}

  // To be asked once, with a file to append to of which nothing was written yet, and one to copy from. Throws CLONE_UNSUPPORTED.
  void find_out(Appender& to, const PackObject& from);
  bool found_out() const { return found_out_; }
  bool shares() const { return block_ != 0; }

  // How many zero bytes must stand before the range in a file of `size` bytes so that the blocks of both can be shared; 0 when it is to be copied.
  uint64_t padding(uint64_t size, uint64_t offset, uint64_t length) const;
  // Throws PACK_READ, SPOOL_WRITE, CLONE_UNSUPPORTED.
  void append(Appender& to, PackRange from);

  uint64_t bytes_cloned() const { return cloned_; }
  uint64_t bytes_copied() const { return copied_; }

 private:
  uint64_t whole_blocks(uint64_t offset, uint64_t length) const;
  void refused(const Appender& to, int error);
  void copy(Appender& to, PackRange from);

  const Clone clone_;
  bool found_out_ = false, in_kernel_ = true;
  uint64_t block_ = 0;  // of the file system; 0: nothing is shared
  Bytes buffer_;
  std::atomic<uint64_t> cloned_{0}, copied_{0};
};

}  // namespace strata
