// A small part of a chain's content, in memory: for looking at partition tables and the heads of file systems.
#pragma once
#include "block_reader.h"

namespace strata {

// The bytes [offset, offset + length) of the disk; zeros past its end. Throws as BlockReader does.
Bytes read_range(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& chain, const PackPlace& packs, uint32_t block_size, uint64_t offset,
                 uint64_t length);

}  // namespace strata
