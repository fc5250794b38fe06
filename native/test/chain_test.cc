#include <gtest/gtest.h>

#include "chain_model.h"

namespace strata::test {
namespace {

template <typename Entry>
void reads_like_the_model(ChainModel& model, uint64_t from) {
  ChainReader<Entry> reader(model.layers(), model.codec(), from);
  typename ChainReader<Entry>::Piece piece;
  auto expected = model.blocks().lower_bound(from);
  uint64_t at = from;
  while (reader.next(piece)) {
    ASSERT_GE(piece.start, at);
    ASSERT_GT(piece.count, 0u);
    at = piece.end();
    for (uint64_t block = piece.start; block < piece.end(); block++, expected++) {
      ASSERT_NE(expected, model.blocks().end());
      ASSERT_EQ(block, expected->first);
      ASSERT_EQ(piece.kind, expected->second.kind) << block;
      ASSERT_EQ(piece.layer, expected->second.layer) << block;
      if (piece.kind == Kind::zero) continue;
      ASSERT_EQ(check_of(piece.entries[block - piece.start]), location_of(piece.layer, block).check);
    }
  }
  ASSERT_EQ(expected, model.blocks().end());
  ASSERT_FALSE(reader.next(piece)) << "the end stays the end";
}

// Windows with gaps between them, and questions for the next data between those.
template <typename Entry>
void windows_like_the_model(Dice& dice, ChainModel& model, uint64_t from, uint64_t most_blocks) {
  ChainWindow<Entry> window(model.layers(), model.codec(), from);
  const auto is_data = [&](uint64_t block) {
    const auto found = model.blocks().find(block);
    return found != model.blocks().end() && found->second.kind == Kind::data;
  };
  for (uint64_t at = from; at < most_blocks + 100;) {
    if (dice.chance(40)) at += dice.below(50);
    if (dice.chance(40)) {
      uint64_t expected = at;
      while (expected < most_blocks && !is_data(expected)) expected++;
      ASSERT_EQ(window.next_data(at), expected < most_blocks ? expected : UINT64_MAX);
      if (dice.chance(50) && expected < most_blocks) at = expected;
    }
    const uint64_t count = dice.between(dice.chance(90) ? 1 : 0, dice.chance(50) ? 10 : 2000);
    uint64_t next = at;
    window.take(at, count, [&](uint64_t block, const Entry& entry, size_t layer) {
      for (; next < block; next++) ASSERT_FALSE(is_data(next)) << next;
      ASSERT_TRUE(is_data(block));
      ASSERT_EQ(layer, model.blocks().at(block).layer);
      ASSERT_EQ(check_of(entry), location_of(layer, block).check);
      next = block + 1;
    });
    for (; next < at + count; next++) ASSERT_FALSE(is_data(next)) << next;
    at += count;
  }
}

class ChainOf : public testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(, ChainOf, testing::Values(0, 1, 2, 3, 5, 10, 20, 40), [](const auto& layers) { return std::to_string(layers.param) + "Layers"; });

TEST_P(ChainOf, ReadsLikeTheModel) {
  Dice dice(40 + GetParam());
  for (const uint64_t most : {5, 300, 300, 300, 4000}) {
    ChainModel model(dice, GetParam(), most);
    for (int i = 0; i < 4 && !HasFatalFailure(); i++) {
      const uint64_t from = i == 0 ? 0 : dice.below(most + 10);
      reads_like_the_model<Location>(model, from);
      reads_like_the_model<BlockDigest>(model, from);
      windows_like_the_model<Location>(dice, model, from, most);
      windows_like_the_model<BlockDigest>(dice, model, from, most);
    }
  }
}

// The number of pieces, and so the time, depends on what the maps name, not on the size of the disk.
TEST(Chain, HugeRunsOfZerosAreFewPieces) {
  constexpr uint64_t kBlocks = uint64_t{1} << 40, kLayers = 10, kDataEach = 20;
  TempFolder folder;
  FrameCodec codec(sample_vault(false));
  std::vector<Layer> layers;
  for (uint64_t layer = 0; layer < kLayers; layer++) {
    const std::string path = folder / std::to_string(layer);
    ColumnWriter<Location> location(path + ".loc", codec);
    ColumnWriter<BlockDigest> digest(path + ".dig", codec);
    uint64_t at = 0;
    for (uint64_t i = 0; i < kDataEach; i++) {
      const uint64_t block = kBlocks / kDataEach * i + layer * 1000;
      location.zero(at, block - at);
      digest.zero(at, block - at);
      location.data(block, location_of(layer, block));
      digest.data(block, digest_of(layer, block));
      at = block + 1;
    }
    location.zero(at, kBlocks - at);
    digest.zero(at, kBlocks - at);
    layers.push_back({location.finish({PackId{}}), digest.finish({}), kBlocks});
  }
  ChainReader<Location> reader(layers, codec);
  ChainReader<Location>::Piece piece;
  uint64_t pieces = 0, covered = 0;
  while (reader.next(piece)) {
    pieces++;
    covered += piece.count;
  }
  EXPECT_EQ(covered, kBlocks);
  EXPECT_LE(pieces, 2 * kDataEach + 1) << "the newest map names all, so it alone shows";

  ChainWindow<BlockDigest> window(layers, codec);
  uint64_t found = 0;
  for (uint64_t at = window.next_data(0); at != UINT64_MAX; at = window.next_data(at + 1)) found++;
  EXPECT_EQ(found, kDataEach);
}

TEST(Chain, ShrunkAndGrownAgainDoesNotGetOldContentBack) {
  TempFolder folder;
  FrameCodec codec(sample_vault(false));
  const auto layer = [&](const std::string& name, uint64_t blocks, std::vector<uint64_t> data) {
    ColumnWriter<Location> location(folder / name + ".loc", codec);
    ColumnWriter<BlockDigest> digest(folder / name + ".dig", codec);
    for (const uint64_t block : data) {
      location.data(block, location_of(0, block));
      digest.data(block, digest_of(0, block));
    }
    return Layer{location.finish({PackId{}}), digest.finish({}), blocks};
  };
  const std::vector<Layer> chain = {layer("grown", 10, {1}), layer("shrunk", 5, {}), layer("first", 10, {0, 4, 5, 9})};
  std::vector<uint64_t> found;
  ChainWindow<Location>(chain, codec).take(0, 10, [&](uint64_t block, const Location&, size_t) { found.push_back(block); });
  EXPECT_EQ(found, (std::vector<uint64_t>{0, 1, 4}));
}

}  // namespace
}  // namespace strata::test
