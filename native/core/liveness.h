// Which packs something refers to, and about how many bytes of each: what a collection may remove, and where copying the rest is worth it.
//
// A pack is divided into cells, 4096 to the size at which packs are closed (8 KiB at 32 MiB), and a frame marks the cells that it touches.
// So a pack takes a bit a cell, however many points share it, and its live bytes are estimated a little too high, never too low: a pack that
// is referred to never counts as free. Marks are only ever added; after a failure they stay, which keeps too much, not too little.
//
// Chains may be marked by several threads: packs are spread over shards, whose locks are held for one run of frames.
#pragma once
#include <mutex>
#include <unordered_map>

#include "chain.h"
#include "control.h"
#include "pack_id_hash.h"

namespace strata {

class Liveness {
 public:
  // `pack_size` in bytes: the size at which packs are closed.
  Liveness(std::shared_ptr<const Vault> vault, uint64_t pack_size);

  // Marks every frame that the chain shows, newest layer first; returns the data blocks seen. Throws MAP_MISSING, MAP_DAMAGED; CANCELLED
  // when `control` stops. A part of a chain shows what lies in those layers: points that are kept together need not be merged to the end.
  uint64_t mark(const std::vector<Layer>& chain, const Control& control);

  // Bytes that something refers to, of a pack that has `pack_bytes`: 0 when nothing does, else at least 1 and at most `pack_bytes` (a pack
  // of no bytes, which is damaged, counts 1).
  uint64_t bytes(const PackId& id, uint64_t pack_bytes) const;

  // All packs that something refers to, in the order of their ids.
  std::vector<PackId> packs() const;

 private:
  using Cells = std::vector<uint64_t>;
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<PackId, Cells, PackIdHash> packs;
  };
  struct Pack {
    Shard* shard = nullptr;
    Cells* cells = nullptr;  // stays where it is; touched under the shard's lock
  };
  Pack pack_of(const PackId& id);
  void mark_range(const Pack& pack, uint64_t from, uint64_t to) const;
  size_t shard_number(const PackId& id) const { return PackIdHash{}(id) >> 8 & (kShards - 1); }

  static constexpr size_t kShards = 64;
  const std::shared_ptr<const Vault> vault_;
  const uint64_t cell_;
  std::array<Shard, kShards> shards_;
};

}  // namespace strata
