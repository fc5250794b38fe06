// Random chains of maps beside a plain model of what they mean: for each layer, what it names, block by block.
#pragma once
#include <map>
#include <optional>

#include "chain.h"
#include "dice.h"
#include "sample_vault.h"
#include "temp_folder.h"

namespace strata::test {

// What one block of the chain is. Entries carry the layer and the block in their numbers, so that a wrong one shows.
struct Named {
  Kind kind;
  size_t layer;
};

inline Location location_of(size_t layer, uint64_t block) {
  return {0, static_cast<uint32_t>(16 + block % 1000 * 100), 100, static_cast<uint64_t>(layer) << 48 | block};
}
inline BlockDigest digest_of(size_t layer, uint64_t block) {
  BlockDigest out{};
  const uint64_t check = location_of(layer, block).check;
  memcpy(out.digest.data(), &check, sizeof check);
  out.digest[31] = 1;  // zeros would stand for a zero block
  return out;
}
inline uint64_t check_of(const BlockDigest& it) { return strata::check_of(it.digest); }
inline uint64_t check_of(const Location& it) { return it.check; }

class ChainModel {
 public:
  ChainModel(Dice& dice, size_t layers, uint64_t most_blocks) : codec_(sample_vault(false)) {
    uint64_t blocks = dice.between(1, most_blocks);
    std::vector<std::map<uint64_t, Kind>> named(layers);
    for (size_t layer = 0; layer < layers; layer++) {
      if (dice.chance(30)) blocks = dice.between(1, most_blocks);
      write(dice, layer, blocks, named[layer]);
    }
    merge(named);
  }

  // Newest first, as the readers want them.
  const std::vector<Layer>& layers() const { return layers_; }
  FrameCodec& codec() { return codec_; }
  // What the chain means; blocks that are not there are not named by any layer.
  const std::map<uint64_t, Named>& blocks() const { return blocks_; }

 private:
  void write(Dice& dice, size_t layer, uint64_t blocks, std::map<uint64_t, Kind>& named) {
    const std::string path = folder_ / std::to_string(layer);
    ColumnWriter<Location> location(path + ".loc", codec_);
    ColumnWriter<BlockDigest> digest(path + ".dig", codec_);
    // From a map that names all to one that names nearly nothing.
    const unsigned density = dice.chance(20) ? 100 : static_cast<unsigned>(dice.below(60));
    const uint64_t longest = dice.chance(50) ? 4 : 200;
    for (uint64_t at = 0; at < blocks;) {
      const uint64_t end = std::min(blocks, at + dice.between(1, longest));
      if (dice.chance(density)) {
        const Kind kind = dice.chance(65) ? Kind::data : Kind::zero;
        for (uint64_t block = at; block < end; block++) {
          named[block] = kind;
          if (kind == Kind::zero) continue;
          location.data(block, location_of(layer, block));
          digest.data(block, digest_of(layer, block));
        }
        if (kind == Kind::zero) {
          location.zero(at, end - at);
          digest.zero(at, end - at);
        }
      }
      at = end;
    }
    layers_.push_back({location.finish({PackId{}}), digest.finish({}), blocks});
  }

  void merge(const std::vector<std::map<uint64_t, Kind>>& named) {
    uint64_t limit = UINT64_MAX;
    for (size_t layer = 0; layer < named.size(); layer++) {
      limit = std::min(limit, layers_[layer].blocks);
      for (const auto& [block, kind] : named[layer])
        if (block < limit) blocks_.try_emplace(block, Named{kind, layer});
    }
  }

  TempFolder folder_;
  FrameCodec codec_;
  std::vector<Layer> layers_;
  std::map<uint64_t, Named> blocks_;
};

}  // namespace strata::test
