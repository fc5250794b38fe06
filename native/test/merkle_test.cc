#include "merkle.h"

#include <gtest/gtest.h>

#include "code_of.h"
#include "dice.h"
#include "naive_root.h"

namespace strata::test {
namespace {

constexpr uint32_t kBlock = 4096;

// The same leaves, fed as blocks and runs of zeros; `single` gives zeros one by one.
Digest streamed(const Leaves& leaves, uint64_t blocks, uint64_t size, bool single) {
  Merkle tree;
  const auto zeros_to = [&](uint64_t block) {
    if (!single) return tree.zeros(block - tree.leaves());
    while (tree.leaves() < block) tree.zeros(1);
  };
  for (const auto& [block, digest] : leaves) {
    zeros_to(block);
    tree.data(digest);
  }
  zeros_to(blocks);
  EXPECT_EQ(tree.leaves(), blocks);
  return tree.root(size, kBlock);
}

Leaves random_leaves(Dice& dice, uint64_t blocks, unsigned percent) {
  Leaves out;
  for (uint64_t at = 0; at < blocks;) {
    // Runs of data and of zeros, so that whole nodes are of one kind too.
    const uint64_t end = std::min(blocks, at + dice.between(1, dice.chance(20) ? 700 : 5));
    if (dice.chance(percent))
      for (uint64_t i = at; i < end; i++) out[i] = dice.digest();
    at = end;
  }
  return out;
}

TEST(Merkle, AgreesWithTheDefinition) {
  Dice dice(20);
  for (const uint64_t blocks : {0, 1, 2, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537})
    for (const unsigned percent : {0, 3, 60, 100}) {
      const Leaves leaves = random_leaves(dice, blocks, percent);
      const uint64_t size = blocks * kBlock;
      const Digest expected = naive_root(leaves, size, kBlock);
      EXPECT_EQ(streamed(leaves, blocks, size, false), expected) << blocks << " blocks, " << percent << " %";
      EXPECT_EQ(streamed(leaves, blocks, size, true), expected) << blocks << " blocks, " << percent << " %, zeros one by one";
    }
}

TEST(Merkle, AgreesOnRandomSizes) {
  Dice dice(21);
  for (int i = 0; i < 150; i++) {
    const uint64_t blocks = dice.below(3000);
    const Leaves leaves = random_leaves(dice, blocks, 40);
    const uint64_t size = blocks == 0 ? 0 : blocks * kBlock - dice.below(kBlock);
    EXPECT_EQ(streamed(leaves, blocks, size, dice.chance(50)), naive_root(leaves, size, kBlock)) << blocks;
  }
}

// Known from another implementation of the definition.
TEST(Merkle, GoldenRoot) {
  Digest one, three;
  one.fill(0x11), three.fill(0x22);
  Merkle tree;
  tree.data(one);
  tree.zeros(1);
  tree.data(three);
  EXPECT_EQ(hex(tree.root(10000, 4096)), "aa79c79c4dfdcd086e703f8fdb959e984dbef0877c431483e7e98e290771ae84");
}

TEST(Merkle, MissingBlocksAtTheEndAreZero) {
  Merkle some, all;
  some.data(Digest{1});
  all.data(Digest{1});
  all.zeros(999);
  EXPECT_EQ(some.root(1000 * kBlock, kBlock), all.root(1000 * kBlock, kBlock));
}

TEST(Merkle, MoreBlocksThanTheDiskHasAreRefused) {
  Merkle tree;
  tree.zeros(3);
  EXPECT_EQ(code_of([&] { tree.root(2 * kBlock, kBlock); }), "NATIVE_ARGUMENT");
}

TEST(Merkle, SizeAndBlockSizeCount) {
  const auto root = [](uint64_t size, uint32_t block) { return Merkle().root(size, block); };
  EXPECT_NE(root(8192, 4096), root(8191, 4096));
  EXPECT_NE(root(8192, 4096), root(8192, 8192));
}

// Without whole subtrees of zeros this would never end.
TEST(Merkle, HugeRunsOfZeros) {
  constexpr uint64_t kBlocks = uint64_t{1} << 40;
  Leaves leaves;
  EXPECT_EQ(streamed(leaves, kBlocks, kBlocks * kBlock, false), naive_root(leaves, kBlocks * kBlock, kBlock));
  Dice dice(22);
  for (const uint64_t block : {uint64_t{0}, uint64_t{1}, uint64_t{255}, uint64_t{256}, uint64_t{65537}, kBlocks / 3, kBlocks - 257, kBlocks - 1}) {
    leaves[block] = dice.digest();
    EXPECT_EQ(streamed(leaves, kBlocks, kBlocks * kBlock, false), naive_root(leaves, kBlocks * kBlock, kBlock)) << block;
  }
}

}  // namespace
}  // namespace strata::test
