#include "pack_indexes.h"

namespace strata {
namespace {
// A merge goes through the packs of all its layers side by side. Indexes take 6 KiB each at the default block size.
constexpr size_t kMostIndexes = 1024;
}  // namespace

const PackedFrame* PackIndexes::find(const PackObject& pack, const PackId& id, uint32_t offset) {
  const Frames& frames = frames_of(pack, id);
  const auto found = std::lower_bound(frames.begin(), frames.end(), offset, [](const PackedFrame& it, uint32_t at) { return it.offset < at; });
  return found != frames.end() && found->offset == offset ? &*found : nullptr;
}

const PackIndexes::Frames& PackIndexes::frames_of(const PackObject& pack, const PackId& id) {
  if (const auto found = places_.find(id); found != places_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return found->second->second;
  }
  Frames frames;
  try {
    frames = read_pack_index(codec_, pack, id);
  } catch (const Error& error) {
    if (error.code() != "FRAME_DAMAGED" && error.code() != "PACK_READ") throw;
  }
  std::sort(frames.begin(), frames.end(), [](const PackedFrame& a, const PackedFrame& b) { return a.offset < b.offset; });
  recent_.emplace_front(id, std::move(frames));
  places_[id] = recent_.begin();
  if (recent_.size() > kMostIndexes) {
    places_.erase(recent_.back().first);
    recent_.pop_back();
  }
  return recent_.front().second;
}

}  // namespace strata
