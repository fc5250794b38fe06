// Every frame that a chain shows, for who marks and counts what packs hold.
#pragma once
#include <optional>

#include "chain.h"
#include "control.h"

namespace strata {

// Calls each(pack, place) for the visible data blocks in ascending order. `pack` is what pack_of(id) gave, which is asked once a layer for a
// pack that is seen, and never for one that is not. Returns the data blocks. Throws MAP_MISSING, MAP_DAMAGED; CANCELLED when `control` stops.
template <typename PackOf, typename Each>
uint64_t visible_frames(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& chain, const Control& control, PackOf&& pack_of, Each&& each) {
  using Pack = std::invoke_result_t<PackOf&, const PackId&>;
  FrameCodec codec(vault);
  ChainReader<Location> merged(chain, codec);
  std::vector<std::vector<std::optional<Pack>>> known(merged.layers());
  typename ChainReader<Location>::Piece piece;
  uint64_t blocks = 0;
  while (merged.next(piece)) {
    if (control.stopping()) throw Error("CANCELLED", "the reading of block maps was cancelled");
    if (piece.kind == Kind::zero) continue;
    blocks += piece.count;
    const std::vector<PackId>& ids = merged.column(piece.layer).packs();
    auto& packs = known[piece.layer];
    packs.resize(ids.size());
    for (uint64_t i = 0; i < piece.count; i++) {
      const Location& place = piece.entries[i];
      std::optional<Pack>& pack = packs[place.pack];
      if (!pack) pack = pack_of(ids[place.pack]);
      each(*pack, place);
    }
  }
  return blocks;
}

}  // namespace strata
