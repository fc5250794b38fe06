#include "compare.h"

#include <gtest/gtest.h>

#include "chain_model.h"

namespace strata::test {
namespace {

constexpr uint32_t kBlock = 4096;

// Layer of the data at each block; a block that differs in it differs in content.
std::map<uint64_t, size_t> data_of(const std::vector<Layer>& layers, FrameCodec& codec) {
  std::map<uint64_t, size_t> out;
  ChainWindow<BlockDigest>(layers, codec).take(0, 10'000, [&](uint64_t block, const BlockDigest& digest, size_t) { out[block] = check_of(digest) >> 48; });
  return out;
}

TEST(Compare, FindsWhatDiffersBetweenPointsOfAChain) {
  Dice dice(160);
  for (int i = 0; i < 30; i++) {
    ChainModel model(dice, 6, dice.chance(30) ? 9000 : 400);
    // An older point is the same chain without its newest maps.
    const auto skipped = static_cast<ptrdiff_t>(dice.below(7));
    const std::vector<Layer>& now = model.layers();
    const std::vector<Layer> then(now.begin() + skipped, now.end());
    const auto a = data_of(then, model.codec()), b = data_of(now, model.codec());
    std::set<uint64_t> expected;
    for (const auto& [block, layer] : a)
      if (const auto found = b.find(block); found == b.end() || found->second != layer) expected.insert(block);
    for (const auto& [block, layer] : b)
      if (!a.contains(block)) expected.insert(block);

    std::set<uint64_t> found;
    uint64_t end = 0;
    for (const Range& it : diff_chains(sample_vault(false), then, now, kBlock)) {
      EXPECT_TRUE(found.empty() || it.offset > end) << "neighbours are joined";
      end = it.offset + it.length;
      for (uint64_t block = it.offset / kBlock; block < end / kBlock; block++) found.insert(block);
    }
    EXPECT_EQ(found, expected);
  }
}

TEST(Compare, CountsAChain) {
  Dice dice(161);
  for (const size_t layers : {0, 1, 7}) {
    ChainModel model(dice, layers, 3000);
    uint64_t data = 0;
    for (const auto& [block, named] : model.blocks()) data += named.kind == Kind::data;
    const ChainStatistics found = chain_statistics(sample_vault(false), model.layers());
    EXPECT_EQ(found.data_blocks, data);
    EXPECT_EQ(found.stored_bytes, data * 100);
    EXPECT_EQ(found.packs.size(), data > 0 ? 1u : 0u);
  }
}

}  // namespace
}  // namespace strata::test
