// The whole blocks that lie in ranges of bytes, asked for in ascending order. The last block of a disk may be short.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "source.h"

namespace strata {

class BlockRuns {
 public:
  // Ranges ascend and do not overlap.
  BlockRuns(const std::vector<Range>& ranges, uint64_t size, uint32_t block_size) {
    const auto add = [&](const Range& it) {
      const uint64_t from = (it.offset + block_size - 1) / block_size, end = it.offset + it.length;
      const uint64_t to = (end >= size ? size + block_size - 1 : end) / block_size;
      if (from < to) runs_.push_back({from, to - from});
    };
    Range whole{0, 0};
    for (const Range& it : ranges) {
      if (it.offset == whole.offset + whole.length) {
        whole.length += it.length;  // a block may lie in both together
        continue;
      }
      add(whole);
      whole = it;
    }
    add(whole);
  }

  bool empty() const { return runs_.empty(); }

  // Whether `block` is in a run, and how far that is so: to the run's end, or to the next one's start.
  struct Span {
    bool inside;
    uint64_t end;
  };
  Span at(uint64_t block) {
    while (next_ < runs_.size() && runs_[next_].offset + runs_[next_].length <= block) next_++;
    if (next_ == runs_.size()) return {false, UINT64_MAX};
    const Range& it = runs_[next_];
    return it.offset <= block ? Span{true, it.offset + it.length} : Span{false, it.offset};
  }

 private:
  std::vector<Range> runs_;  // in blocks
  size_t next_ = 0;
};

}  // namespace strata
