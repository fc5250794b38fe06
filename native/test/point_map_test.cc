#include "point_map.h"

#include <gtest/gtest.h>

#include "chain_model.h"
#include "code_of.h"
#include "medium.h"
#include "system_calls.h"
#include "tiny_folder.h"

namespace strata::test {
namespace {

uint64_t size_of(const ChainModel& model) { return model.layers().empty() ? 0 : model.layers().front().blocks; }

const Named* data_in(const ChainModel& model, uint64_t block) {
  const auto found = model.blocks().find(block);
  return found != model.blocks().end() && found->second.kind == Kind::data ? &found->second : nullptr;
}

void expect_entry(const BlockEntry& entry, const ChainModel& model, uint64_t block) {
  const Named* const named = data_in(model, block);
  ASSERT_EQ(entry.pack != 0, named != nullptr) << block;
  if (named == nullptr) return;
  const Location expected = location_of(named->layer, block);
  ASSERT_EQ(entry.offset, expected.offset);
  ASSERT_EQ(entry.length, expected.length);
  ASSERT_EQ(entry.check, expected.check) << block;
}

void is_like_the_model(const PointMap& map, const ChainModel& model, Dice& dice) {
  const uint64_t blocks = size_of(model);
  ASSERT_EQ(map.blocks(), blocks);
  std::vector<BlockEntry> entries(blocks + 20, BlockEntry{7, 7, 7, 7, 7});
  map.read(0, entries);
  for (uint64_t block = 0; block < entries.size(); block++) expect_entry(entries[block], model, block);
  for (int i = 0; i < 30; i++) {
    const uint64_t first = dice.below(blocks + 10);
    std::vector<BlockEntry> part(dice.below(50), BlockEntry{7, 7, 7, 7, 7});
    map.read(first, part);
    for (size_t j = 0; j < part.size(); j++) expect_entry(part[j], model, first + j);
  }
  map.read(UINT64_MAX - 3, {entries.data(), 3});
  EXPECT_EQ(entries[2].pack, 0u);
  // From the end, where each answer follows from the one after it.
  uint64_t data = blocks, zero = blocks;
  for (uint64_t block = blocks + 3; block-- > 0;) {
    if (block < blocks) (data_in(model, block) ? data : zero) = block;
    ASSERT_EQ(map.next(block, true), data) << block;
    ASSERT_EQ(map.next(block, false), zero) << block;
    const uint64_t most = dice.between(1, 300), near = map.next(block, true, most), gap = map.next(block, false, most);
    ASSERT_LE(near, data);
    ASSERT_LE(gap, zero);
    if (block >= blocks) continue;
    ASSERT_TRUE(near == data || near > block) << "it comes along";
    ASSERT_TRUE(gap == zero || gap > block);
  }
}

class PointMapOf : public testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(, PointMapOf, testing::Values(0, 1, 2, 4, 8, 30), [](const auto& layers) { return std::to_string(layers.param) + "Layers"; });

TEST_P(PointMapOf, IsLikeTheModel) {
  Dice dice(310 + GetParam());
  TempFolder folder;
  for (const uint64_t most : {3, 60, 300, 300, 300, 4000}) {
    const ChainModel model(dice, GetParam(), most);
    PackTable packs;
    const PointMap map(sample_vault(false), model.layers(), packs, folder.path(), Control());
    is_like_the_model(map, model, dice);
    if (HasFatalFailure()) return;
    EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "it has no name";
  }
}

// NFS, FAT and others have no nameless files; NFS before 4.2 cannot tell holes either.
TEST(PointMap, NeedsNoSpecialFileSystem) {
  Dice dice(311);
  TempFolder folder;
  const ChainModel model(dice, 3, 3000);
  PackTable packs;
  int refused = 0, seeks = 0;
  SystemCalls calls;
  calls.open = [&](const std::string&, int flags) { return (flags & O_TMPFILE) == O_TMPFILE ? (refused++, EOPNOTSUPP) : 0; };
  calls.seek = [&](int, int whence) { return whence == SEEK_DATA || whence == SEEK_HOLE ? (seeks++, EINVAL) : 0; };
  const WatchedCalls watched(calls);
  const PointMap map(sample_vault(false), model.layers(), packs, folder.path(), Control());
  EXPECT_EQ(refused, 1);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  is_like_the_model(map, model, dice);
  EXPECT_GT(seeks, 0);
}

// A layer with `data` blocks in a row from `first`.
Layer layer_of(const TempFolder& folder, FrameCodec& codec, uint64_t blocks, uint64_t first, uint64_t data, const PackId& pack = {}) {
  static int number = 0;
  const std::string path = folder / std::to_string(number++);
  ColumnWriter<Location> location(path + ".loc", codec);
  for (uint64_t block = first; block < first + data; block++) location.data(block, location_of(0, block));
  return {location.finish({pack}), {}, blocks};
}

TEST(PointMap, NumbersThePacksOfAllPoints) {
  TempFolder folder;
  FrameCodec codec(sample_vault(false));
  const PackId a{1}, b{2}, c{3};
  PackTable packs;
  const auto numbers = [&](const std::vector<Layer>& chain) {
    const PointMap map(sample_vault(false), chain, packs, folder.path(), Control());
    std::vector<BlockEntry> entries(map.blocks());
    map.read(0, entries);
    std::vector<uint32_t> out;
    for (const BlockEntry& it : entries) out.push_back(it.pack);
    return out;
  };
  EXPECT_EQ(numbers({layer_of(folder, codec, 4, 1, 2, a), layer_of(folder, codec, 4, 0, 4, b)}), (std::vector<uint32_t>{1, 2, 2, 1}));
  EXPECT_EQ(numbers({layer_of(folder, codec, 3, 0, 1, c), layer_of(folder, codec, 4, 0, 4, a)}), (std::vector<uint32_t>{3, 2, 2}));
  EXPECT_EQ(packs.id(1), b);
  EXPECT_EQ(packs.id(2), a);
  EXPECT_EQ(packs.id(3), c);
  for (const uint32_t unknown : {0u, 4u, UINT32_MAX}) EXPECT_EQ(code_of([&] { packs.id(unknown); }), "SPOOL_READ") << unknown;
}

TEST(PointMap, OfADiskThatShrankAndGrewHasNothingOfBefore) {
  TempFolder folder;
  FrameCodec codec(sample_vault(false));
  PackTable packs;
  const PointMap map(sample_vault(false), {layer_of(folder, codec, 10, 1, 1), layer_of(folder, codec, 5, 0, 0), layer_of(folder, codec, 10, 0, 10)}, packs, folder.path(),
                     Control());
  EXPECT_EQ(map.blocks(), 10u);
  EXPECT_EQ(map.next(0, false), 5u);
  EXPECT_EQ(map.next(5, true), 10u);
}

// 64 TiB in blocks of 4 KiB.
TEST(PointMap, OfAHugeDiskTakesNoTime) {
  constexpr uint64_t kBlocks = uint64_t{1} << 34;
  TempFolder folder;
  FrameCodec codec(sample_vault(false));
  PackTable packs;
  const PointMap map(sample_vault(false), {layer_of(folder, codec, kBlocks, kBlocks - 2, 2), layer_of(folder, codec, kBlocks, 1000, 5)}, packs, folder.path(),
                     Control());
  EXPECT_EQ(map.blocks(), kBlocks);
  EXPECT_EQ(map.next(0, true), 1000u);
  EXPECT_EQ(map.next(1000, false), 1005u);
  EXPECT_EQ(map.next(1005, true), kBlocks - 2);
  EXPECT_EQ(map.next(kBlocks - 2, false), kBlocks);
  EXPECT_EQ(map.next(5'000'000'000, false), 5'000'000'000u);
  EXPECT_EQ(map.next(1005, true, 1000), kBlocks - 2) << "holes are not looked through";
  std::vector<BlockEntry> entries(4);
  map.read(kBlocks - 3, entries);
  EXPECT_EQ(entries[0].pack, 0u);
  EXPECT_EQ(entries[2].check, location_of(0, kBlocks - 1).check);
  EXPECT_EQ(entries[3].pack, 0u);
}

TEST(PointMap, LooksNoFurtherThanItIsAskedTo) {
  constexpr uint64_t kBlocks = 200'000;
  TempFolder folder;
  FrameCodec codec(sample_vault(false));
  PackTable packs;
  const PointMap map(sample_vault(false), {layer_of(folder, codec, kBlocks, 0, kBlocks)}, packs, folder.path(), Control());
  EXPECT_EQ(map.next(0, false), kBlocks);
  const uint64_t near = map.next(0, false, 1000);
  EXPECT_GE(near, 1000u);
  EXPECT_LT(near, 4000u);
}

TEST(PointMap, CanBeCancelled) {
  Dice dice(312);
  TempFolder folder;
  const ChainModel model(dice, 5, 8000);
  PackTable packs;
  Control before;
  before.cancel();
  EXPECT_EQ(code_of([&] { PointMap(sample_vault(false), model.layers(), packs, folder.path(), before); }), "CANCELLED");

  // At each of its first writes.
  for (int at = 1; at < 20; at++) {
    Control control;
    int writes = 0;
    SystemCalls calls;
    calls.write = [&](int, View, uint64_t) {
      if (++writes == at) control.cancel();
      return 0;
    };
    const WatchedCalls watched(calls);
    ASSERT_EQ(code_of([&] { PointMap(sample_vault(false), model.layers(), packs, folder.path(), control); }), "CANCELLED");
    ASSERT_EQ(writes, at);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(PointMap, SaysWhenThereIsNoRoom) {
  TempFolder folder;
  FrameCodec codec(sample_vault(false));
  PackTable packs;
  const std::vector<Layer> chain = {layer_of(folder, codec, 50'000, 0, 50'000)};
  const auto failure = [&](const std::string& place) {
    try {
      PointMap(sample_vault(false), chain, packs, place, Control());
    } catch (const Error& error) {
      return error.code() + " " + std::to_string(error.system());
    }
    return std::string("no error");
  };
  TempFolder maps;
  {
    const SmallFiles limit(100'000);
    EXPECT_EQ(failure(maps.path()), "SPOOL_WRITE " + std::to_string(EFBIG));
  }
  {
    SystemCalls calls;
    calls.write = [](int, View, uint64_t offset) { return offset > 0 ? ENOSPC : 0; };
    const WatchedCalls watched(calls);
    EXPECT_EQ(failure(maps.path()), "SPOOL_WRITE " + std::to_string(ENOSPC));
  }
  EXPECT_EQ(failure(maps / "none"), "SPOOL_WRITE " + std::to_string(ENOENT));
  EXPECT_TRUE(std::filesystem::is_empty(maps.path()));
  const TinyFolder tiny(256 << 10);
  if (!tiny) GTEST_SKIP() << "a small file system takes root";
  EXPECT_EQ(failure(tiny.path()), "SPOOL_WRITE " + std::to_string(ENOSPC));
}

TEST(PointMap, OfADamagedChainFails) {
  TempFolder folder;
  FrameCodec codec(sample_vault(true));
  PackTable packs;
  const Layer newest = layer_of(folder, codec, 5000, 100, 50), oldest = layer_of(folder, codec, 5000, 0, 5000);
  const auto code = [&] { return code_of([&] { PointMap(sample_vault(true), {newest, oldest}, packs, folder.path(), Control()); }); };
  EXPECT_EQ(code(), "no error");
  Dice dice(313);
  for (const Layer& layer : {newest, oldest}) {
    const std::string& path = layer.location.path;
    const uint64_t length = std::filesystem::file_size(path);
    for (int i = 0; i < 25; i++) {
      const uint64_t at = dice.below(length);
      uint8_t byte;
      const Fd fd = open_file(path, O_RDWR, "IO");
      read_exact(fd.get(), {&byte, 1}, at, "IO", path);
      const auto changed = static_cast<uint8_t>(byte ^ 1 << dice.below(8));
      write_at(fd.get(), {&changed, 1}, at, "IO", path);
      ASSERT_EQ(code(), "MAP_DAMAGED") << path << " at " << at;
      write_at(fd.get(), {&byte, 1}, at, "IO", path);
    }
    std::filesystem::rename(path, path + ".away");
    EXPECT_EQ(code(), "MAP_MISSING");
    std::filesystem::copy_file(path + ".away", path);
    std::filesystem::resize_file(path, length / 2);
    EXPECT_EQ(code(), "MAP_DAMAGED");
    std::filesystem::rename(path + ".away", path);
  }
  EXPECT_EQ(code(), "no error");
}

TEST(PointMap, SaysWhenItCannotBeReadBack) {
  TempFolder folder;
  FrameCodec codec(sample_vault(false));
  PackTable packs;
  const PointMap map(sample_vault(false), {layer_of(folder, codec, 100, 0, 100)}, packs, folder.path(), Control());
  const BadMedium broken([](int, off_t, size_t) { return EIO; });
  BlockEntry entry;
  EXPECT_EQ(code_of([&] { map.read(5, {&entry, 1}); }), "SPOOL_READ");
  EXPECT_EQ(code_of([&] { map.next(5, false); }), "SPOOL_READ");
  EXPECT_EQ(code_of([&] { map.read(100, {&entry, 1}); }), "no error") << "past its end there is nothing to read";
}

}  // namespace
}  // namespace strata::test
