// A full map as it is written: both columns, and the root of the disk. Zero blocks are not named, as in a full backup.
//
// The digest column is the larger one; it and the hash tree are made on a thread of their own.
#pragma once
#include "column.h"
#include "conveyor.h"
#include "merkle.h"
#include "pack_numbers.h"

namespace strata {

class FullMap {
 public:
  struct Written {
    WrittenColumn location, digest;
    Digest root;
  };

  // Writes BASE.loc and BASE.dig.
  FullMap(const std::shared_ptr<const Vault>& vault, const std::string& base);

  // Data blocks, in ascending order; `place` names its pack by its number in packs().
  void data(uint64_t block, const Location& place, const BlockDigest& digest);
  PackNumbers& packs() { return packs_; }
  // Of the frames of all blocks.
  uint64_t bytes() const { return bytes_; }
  Written finish(uint64_t size, uint32_t block_size);

 private:
  struct Named {
    uint64_t block;
    BlockDigest digest;
  };
  using Batch = std::vector<Named>;
  void write_digests(const Batch& batch);

  FrameCodec location_codec_, digest_codec_;
  ColumnWriter<Location> location_;
  PackNumbers packs_;
  uint64_t bytes_ = 0;
  Batch batch_;

  // Of the other thread.
  ColumnWriter<BlockDigest> digest_;
  Merkle merkle_;
  Conveyor<Batch> digests_;
};

}  // namespace strata
