// Pages of a block map: runs of blocks, and for each data block an entry of the column (docs/format.md, Block maps).
#pragma once
#include "bytes.h"

namespace strata {

enum class Kind : uint8_t { zero = 1, data = 2 };

// An entry of the location column; `pack` counts in the column's own table of packs.
struct Location {
  uint32_t pack, offset, length;
  uint64_t check;
};

// An entry of the digest column. The quick check tells a changed block from an unchanged one in a fraction of the time that a digest takes.
struct BlockDigest {
  Digest digest;
  QuickCheck quick;
  bool operator==(const BlockDigest&) const = default;
};

inline uint64_t check_of(const Digest& digest) {
  uint64_t out;
  memcpy(&out, digest.data(), sizeof out);
  return out;
}

struct Span {
  uint64_t start, count;
  Kind kind;
  uint64_t end() const { return start + count; }
};

// `entries` are those of the data spans, one a block, in order.
template <typename Entry>
struct Page {
  std::vector<Span> spans;
  std::vector<Entry> entries;
  uint64_t first() const { return spans.front().start; }
  uint64_t end() const { return spans.back().end(); }
  size_t weight() const { return spans.size() + entries.size(); }
};

inline constexpr size_t kPageWeight = 1024;

template <typename Entry>
Bytes encode_page(const Page<Entry>& page);

// `first` and `end` are what the index says of the page; all that does not fit them throws MAP_DAMAGED.
template <typename Entry>
Page<Entry> decode_page(View raw, uint64_t first, uint64_t end, uint32_t packs);

}  // namespace strata
