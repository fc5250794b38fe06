// Where every block of a point lies: its chain, merged once into a file, so that a read costs the same at any length of chain.
//
// The file has an entry of 24 bytes a block and holes where nothing lies. It has no name and is gone with the process: nothing of it is
// trusted that this process did not write. It is read by pread: a failing disk is an error then, not a signal.
#pragma once
#include "chain.h"
#include "control.h"
#include "pack_table.h"

namespace strata {

// `pack` counts in the store's PackTable; 0: the block is zero.
struct BlockEntry {
  uint32_t pack = 0, offset = 0, length = 0, unused = 0;
  uint64_t check = 0;
};
static_assert(sizeof(BlockEntry) == 24, "an entry of a point's map takes 24 bytes");

class PointMap {
 public:
  // Merges the chain, newest first, into a file in `folder`. Throws MAP_MISSING, MAP_DAMAGED, SPOOL_WRITE; CANCELLED when `control` stops.
  PointMap(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& chain, PackTable& packs, const std::string& folder, const Control& control);

  uint64_t blocks() const { return blocks_; }

  // The entries of blocks from `first`; those past the end of the disk are zero.
  void read(uint64_t first, std::span<BlockEntry> out) const;

  // The first block at or after `block` that holds data (or, with `data` false, none): at most blocks(). After looking at about `most` entries
  // it gives up and tells how far it came; holes are passed at once.
  uint64_t next(uint64_t block, bool data, uint64_t most = UINT64_MAX) const;

 private:
  void write(const std::vector<BlockEntry>& entries, uint64_t first);
  std::string path_;
  Fd file_;
  uint64_t blocks_;
};

}  // namespace strata
