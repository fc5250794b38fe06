// Comparing and counting whole chains by their columns, without reading content.
#pragma once
#include <set>

#include "chain.h"
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

}  // namespace strata
