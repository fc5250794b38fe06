#include "liveness.h"

#include <bit>

#include "visible_frames.h"

namespace strata {
namespace {
constexpr uint64_t kCells = 4096, kWordBits = 64;
// A pack is longer than its size by up to a frame, which is no larger than a pack. Whatever lies beyond belongs to the last cell.
constexpr uint64_t kMostCells = 2 * kCells;
}  // namespace

Liveness::Liveness(std::shared_ptr<const Vault> vault, uint64_t pack_size) : vault_(std::move(vault)), cell_(std::max<uint64_t>(1, pack_size / kCells)) {}

Liveness::Pack Liveness::pack_of(const PackId& id) {
  Shard& shard = shards_[shard_number(id)];
  const std::lock_guard lock(shard.mutex);
  return {&shard, &shard.packs[id]};
}

void Liveness::mark_range(const Pack& pack, uint64_t from, uint64_t to) const {
  const uint64_t first = std::min(from / cell_, kMostCells - 1), last = std::min((to - 1) / cell_, kMostCells - 1);
  const uint64_t words = last / kWordBits + 1;
  const std::lock_guard lock(pack.shard->mutex);
  Cells& cells = *pack.cells;
  if (cells.size() < words) {
    // By doubling up to a whole pack, then exactly: nearly all packs are a whole one and a few cells.
    cells.reserve(words <= kCells / kWordBits ? std::bit_ceil(words) : words);
    cells.resize(words);
  }
  for (uint64_t word = first / kWordBits; word < words; word++) {
    uint64_t bits = UINT64_MAX;
    if (word == first / kWordBits) bits &= UINT64_MAX << first % kWordBits;
    if (word == last / kWordBits) bits &= UINT64_MAX >> (kWordBits - 1 - last % kWordBits);
    cells[word] |= bits;
  }
}

uint64_t Liveness::mark(const std::vector<Layer>& chain, const Control& control) {
  // Blocks that follow each other mostly lie so in their pack, too: such a run is marked at once.
  Pack pack;
  uint64_t from = 0, to = 0;
  const auto mark_run = [&] {
    if (from < to) mark_range(pack, from, to);
  };
  const uint64_t blocks = visible_frames(
      vault_, chain, control, [&](const PackId& id) { return pack_of(id); },
      [&](const Pack& it, const Location& place) {
        if (it.cells != pack.cells || place.offset != to) {
          mark_run();
          pack = it;
          from = place.offset;
        }
        to = uint64_t{place.offset} + place.length;
      });
  mark_run();
  return blocks;
}

uint64_t Liveness::bytes(const PackId& id, uint64_t pack_bytes) const {
  const Shard& shard = shards_[shard_number(id)];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.packs.find(id);
  if (found == shard.packs.end()) return 0;
  uint64_t out = 0;
  for (uint64_t word = 0; word < found->second.size(); word++) {
    uint64_t bits = found->second[word];
    const uint64_t end = (word + 1) * kWordBits;
    if (end * cell_ <= pack_bytes && end < kMostCells) {
      out += static_cast<uint64_t>(std::popcount(bits)) * cell_;
      continue;
    }
    for (; bits != 0; bits &= bits - 1) {
      const uint64_t cell = word * kWordBits + static_cast<uint64_t>(std::countr_zero(bits));
      const uint64_t start = std::min(cell * cell_, pack_bytes);
      out += (cell == kMostCells - 1 ? pack_bytes : std::min(start + cell_, pack_bytes)) - start;
    }
  }
  return std::max<uint64_t>(1, out);
}

std::vector<PackId> Liveness::packs() const {
  std::vector<PackId> out;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [id, cells] : shard.packs) out.push_back(id);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace strata
