// Sealed frames, copied as they are out of packs into new ones, in the order given.
//
// Frames that stand one after the other in a pack are taken as one range. Each must be the one that is meant, by its header; where blocks are shared,
// and no byte of it needs to be read, by the index of its pack, or by its header when the index does not say so. The payload is not opened: its seal is
// bound to the digest, so a damaged one stays what it was and is found when read.
#pragma once
#include "dedup_index.h"
#include "pack_indexes.h"
#include "pack_stream.h"
#include "range_copy.h"

namespace strata {

struct FrameRef {
  PackId pack;
  uint32_t offset, length;
  uint64_t check;
};

class FrameCopy {
 public:
  FrameCopy(std::shared_ptr<const Vault> vault, PackPlace place, PackStream& packs, Clone clone, const Control& control);

  // Appends the frames to the packs; `places` gets the new place of each. False when told to stop: then only the first `places` were copied.
  // Throws FRAME_DAMAGED, PACK_MISSING, PACK_READ, SPOOL_WRITE, CLONE_UNSUPPORTED.
  bool copy(std::span<const FrameRef> frames, std::vector<FramePlace>& places);

  // From any thread. Bytes of frames, not of padding.
  uint64_t bytes_cloned() const { return bytes_.bytes_cloned(); }
  uint64_t bytes_copied() const { return bytes_.bytes_copied(); }

 private:
  size_t range_of(std::span<const FrameRef> frames, uint64_t room) const;
  PackedFrame check(const PackObject& pack, const FrameRef& frame);
  PackedFrame check_header(const PackObject& pack, const FrameRef& frame) const;

  FrameCodec codec_;
  const bool sealed_;
  PackFolder folder_;
  PackIndexes indexes_;
  PackStream& packs_;
  RangeCopy bytes_;
  const Control& control_;
};

}  // namespace strata
