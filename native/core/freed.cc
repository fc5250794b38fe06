#include "freed.h"

#include <unordered_map>

#include "pack_id_hash.h"
#include "visible_frames.h"

namespace strata {
namespace {

constexpr uint32_t kKept = UINT32_MAX;

// Frames by their place (number of the pack from 1, offset), each with the chain that it counts for. One flat table with linear probing:
// a node for each of 100 million frames would take twice as much.
class Frames {
 public:
  void add(uint32_t pack, const Location& place, uint32_t chain) {
    if ((count_ + 1) * 4 > slots_.size() * 3) grow();
    Slot& it = at(key_of(pack, place));
    if (it.key != 0) return;
    it = {key_of(pack, place), place.length, chain};
    count_++;
  }

  void keep(uint32_t pack, const Location& place) {
    if (count_ == 0) return;
    if (Slot& it = at(key_of(pack, place)); it.key != 0) it.chain = kKept;
  }

  std::vector<uint64_t> totals(size_t chains) const {
    std::vector<uint64_t> out(chains);
    for (const Slot& it : slots_)
      if (it.key != 0 && it.chain != kKept) out[it.chain] += it.length;
    return out;
  }

 private:
  struct Slot {
    uint64_t key = 0;
    uint32_t length = 0, chain = 0;
  };

  static uint64_t key_of(uint32_t pack, const Location& place) { return uint64_t{pack} << 32 | place.offset; }

  // Where the key is, or would be.
  Slot& at(uint64_t key) {
    const size_t mask = slots_.size() - 1;
    const uint64_t mixed = key * 0x9e3779b97f4a7c15;
    size_t i = (mixed ^ mixed >> 32) & mask;  // packs have equal offsets: the number of the pack must reach the low bits
    while (slots_[i].key != 0 && slots_[i].key != key) i = (i + 1) & mask;
    return slots_[i];
  }

  void grow() {
    std::vector<Slot> old(std::max<size_t>(1024, slots_.size() * 2));
    old.swap(slots_);
    for (const Slot& it : old)
      if (it.key != 0) at(it.key) = it;
  }

  std::vector<Slot> slots_;  // a power of two of them
  size_t count_ = 0;
};

}  // namespace

std::vector<uint64_t> freed_bytes(const std::shared_ptr<const Vault>& vault, const std::vector<std::vector<Layer>>& kept,
                                  const std::vector<std::vector<Layer>>& dropped, const Control& control) {
  std::unordered_map<PackId, uint32_t, PackIdHash> numbers;
  Frames frames;
  for (uint32_t chain = 0; chain < dropped.size(); chain++)
    visible_frames(
        vault, dropped[chain], control,
        [&](const PackId& id) { return numbers.try_emplace(id, static_cast<uint32_t>(numbers.size() + 1)).first->second; },
        [&](uint32_t pack, const Location& place) { frames.add(pack, place, chain); });
  for (const std::vector<Layer>& chain : kept)
    visible_frames(
        vault, chain, control,
        [&](const PackId& id) -> uint32_t {
          const auto found = numbers.find(id);
          return found == numbers.end() ? 0 : found->second;
        },
        [&](uint32_t pack, const Location& place) {
          if (pack != 0) frames.keep(pack, place);
        });
  return frames.totals(dropped.size());
}

}  // namespace strata
