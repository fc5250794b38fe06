// Random maps over random packs of frames, several of which may be shared, beside a plain model of which frames a chain shows.
#pragma once
#include <map>
#include <optional>
#include <set>

#include "chain.h"
#include "dice.h"
#include "sample_vault.h"
#include "temp_folder.h"

namespace strata::test {

struct Frame {
  PackId pack;
  uint32_t offset, length;
  auto operator<=>(const Frame&) const = default;
};

class FrameMaps {
 public:
  // `packs` packs, which are closed by the frame that reaches `pack_size`; frames have up to `longest` bytes.
  FrameMaps(Dice& dice, size_t packs, uint32_t pack_size, uint32_t longest) : codec_(sample_vault(false)) {
    for (size_t i = 0; i < packs; i++) {
      PackId id{};
      for (uint8_t& it : id) it = static_cast<uint8_t>(dice.next());
      uint32_t at = 16;
      while (at < pack_size) {
        const auto length = static_cast<uint32_t>(dice.between(80, longest));
        frames_.push_back({id, at, length});
        at += length;
        if (dice.chance(3)) at += static_cast<uint32_t>(dice.below(5000));  // room for alignment
      }
      sizes_[id] = at;
    }
  }

  // A map of a disk of `blocks` that names about `percent` of them, mostly in runs that lie so in their pack.
  size_t add_map(Dice& dice, uint64_t blocks, unsigned percent) {
    const std::string path = folder_ / std::to_string(maps_.size());
    ColumnWriter<Location> writer(path, codec_);
    std::vector<PackId> table;
    std::map<PackId, uint32_t> numbers;
    std::map<uint64_t, std::optional<Frame>> named;
    size_t next = dice.below(frames_.size());
    for (uint64_t block = 0; block < blocks; block++) {
      if (dice.chance(10)) next = dice.below(frames_.size());
      if (!dice.chance(percent)) continue;
      if (dice.chance(20)) {
        writer.zero(block, 1);
        named[block] = std::nullopt;
        continue;
      }
      const Frame& frame = frames_[next++ % frames_.size()];
      const auto [number, added] = numbers.try_emplace(frame.pack, static_cast<uint32_t>(table.size()));
      if (added) table.push_back(frame.pack);
      writer.data(block, {number->second, frame.offset, frame.length, dice.next()});
      named[block] = frame;
    }
    maps_.push_back({{writer.finish(table), {}, blocks}, std::move(named)});
    return maps_.size() - 1;
  }

  // Newest first, by the numbers of the maps.
  std::vector<Layer> chain(const std::vector<size_t>& maps) const {
    std::vector<Layer> out;
    for (const size_t it : maps) out.push_back(maps_[it].layer);
    return out;
  }

  // What a chain shows, block by block.
  std::vector<Frame> shown(const std::vector<size_t>& maps) const {
    std::map<uint64_t, std::optional<Frame>> blocks;
    uint64_t limit = UINT64_MAX;
    for (const size_t it : maps) {
      limit = std::min(limit, maps_[it].layer.blocks);
      for (const auto& [block, frame] : maps_[it].named)
        if (block < limit) blocks.try_emplace(block, frame);
    }
    std::vector<Frame> out;
    for (const auto& [block, frame] : blocks)
      if (frame) out.push_back(*frame);
    return out;
  }

  const std::map<PackId, uint64_t>& sizes() const { return sizes_; }

 private:
  struct Map {
    Layer layer;
    std::map<uint64_t, std::optional<Frame>> named;
  };
  TempFolder folder_;
  FrameCodec codec_;
  std::vector<Frame> frames_;
  std::map<PackId, uint64_t> sizes_;
  std::vector<Map> maps_;
};

// A chain of a few of the maps, in any order: what they name need not fit.
inline std::vector<size_t> random_chain(Dice& dice, size_t maps) {
  std::vector<size_t> out(dice.between(1, 5));
  for (size_t& it : out) it = dice.below(maps);
  return out;
}

}  // namespace strata::test
