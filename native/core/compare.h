// Comparing and counting whole chains by their columns, without reading content.
#pragma once
#include <set>

#include "chain.h"
#include "pack.h"
#include "source.h"

namespace strata {

// Byte ranges in which two disks differ, by the digests of their blocks; neighbours joined. What only the larger disk has counts as changed
// unless it is zero.
std::vector<Range> diff_chains(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& a, const std::vector<Layer>& b, uint32_t block_size);

struct ChainStatistics {
  uint64_t data_blocks = 0, stored_bytes = 0;
  std::set<PackId> packs;
};

ChainStatistics chain_statistics(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& chain);

// The root of a disk as the chain's digest columns give it; the location columns are not looked at. Throws MAP_MISSING, MAP_DAMAGED.
Digest content_root(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& chain, uint64_t size, uint32_t block_size);

// A range of whole blocks that cannot be read: in a pack that is missing, or in damaged frames of one.
struct LostRange {
  uint64_t offset, length;
  PackId pack;
  bool missing;
};

// What of the disk lies in missing packs and at bad places, in disk order; neighbours of one cause joined. No frame is read.
std::vector<LostRange> lost_ranges(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& chain, uint32_t block_size,
                                   const std::vector<PackId>& missing, const std::vector<BadPlace>& bad);

}  // namespace strata
