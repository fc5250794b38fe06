// The root of a disk: a hash tree over its blocks' digests, fed in order (docs/format.md, Root). Runs of zero blocks cost O(log) each.
#pragma once
#include "hash.h"

namespace strata {

class Merkle {
 public:
  Merkle();
  void data(const Digest& digest) { push(0, digest); }
  void zeros(uint64_t count);
  uint64_t leaves() const { return leaves_; }
  // Pads to `blocks` with zeros and closes the tree.
  Digest root(uint64_t size, uint32_t block_size);

 private:
  static constexpr size_t kFanout = 256, kLevels = 9;
  void push(size_t level, const Digest& node);
  std::array<Digest, kLevels> zero_;
  std::array<std::vector<Digest>, kLevels> open_;
  uint64_t leaves_ = 0;
};

}  // namespace strata
