// Column files: the pages of one column of a block map, and their index (docs/format.md, Block maps).
#pragma once
#include <unordered_map>

#include "frame.h"
#include "io.h"
#include "map_page.h"

namespace strata {

// Where a column is and what its index must be.
struct ColumnRef {
  std::string path;
  uint64_t index_offset = 0;
  uint32_t index_length = 0;
  Digest index_digest{};
};

struct WrittenColumn : ColumnRef {
  uint64_t bytes = 0, data_blocks = 0, zero_blocks = 0;
};

// A place in this pack is none: no run makes it, so what a repair could not find anywhere is a missing pack to every reader, and never zeros.
inline constexpr PackId kNoPack = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

struct PageRef {
  uint64_t first, end, offset;
  uint32_t length, data_blocks;
  Digest digest;
};
static_assert(sizeof(PageRef) == 64, "a page in the index takes 64 bytes");

template <typename Entry>
class ColumnWriter {
 public:
  ColumnWriter(const std::string& path, FrameCodec& codec);
  // Blocks must come in ascending order.
  void zero(uint64_t start, uint64_t count);
  void data(uint64_t block, const Entry& entry);
  WrittenColumn finish(const std::vector<PackId>& packs);

 private:
  void span(uint64_t start, uint64_t count, Kind kind);
  void flush();
  FrameCodec& codec_;
  Appender file_;
  Page<Entry> page_;
  std::vector<PageRef> pages_;
  uint64_t data_blocks_ = 0, zero_blocks_ = 0;
};

template <typename Entry>
class Column {
 public:
  // Reads the index. Throws MAP_MISSING, MAP_DAMAGED.
  Column(ColumnRef ref, FrameCodec& codec);
  const std::vector<PageRef>& pages() const { return pages_; }
  const std::vector<PackId>& packs() const { return packs_; }
  uint64_t data_blocks() const { return data_blocks_; }
  uint64_t zero_blocks() const { return zero_blocks_; }
  Page<Entry> load(size_t page, FrameCodec& codec) const;

 private:
  ColumnRef ref_;
  std::vector<PageRef> pages_;
  std::vector<PackId> packs_;
  uint64_t data_blocks_ = 0, zero_blocks_ = 0;
};

}  // namespace strata
