// What packs say themselves of the frames in them, of those that were asked for last.
#pragma once
#include <list>
#include <unordered_map>

#include "pack.h"
#include "pack_id_hash.h"

namespace strata {

class PackIndexes {
 public:
  explicit PackIndexes(std::shared_ptr<const Vault> vault) : codec_(std::move(vault)) {}

  // The frame that begins at an offset of a pack; nothing when its index names none there, or cannot be read. Valid until the next call.
  const PackedFrame* find(const PackObject& pack, const PackId& id, uint32_t offset);

 private:
  using Frames = std::vector<PackedFrame>;  // sorted by offset
  const Frames& frames_of(const PackObject& pack, const PackId& id);

  FrameCodec codec_;
  std::list<std::pair<PackId, Frames>> recent_;
  std::unordered_map<PackId, decltype(recent_)::iterator, PackIdHash> places_;
};

}  // namespace strata
