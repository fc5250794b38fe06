#include "verify.h"

#include "code_of.h"
#include "random_disk.h"
#include "small_repository.h"

namespace strata::test {
namespace {

class VerifyOf : public testing::Test {
 protected:
  void SetUp() override {
    disk_ = random_disk(dice_, 1'500'000);
    repo_.backup(disk_);
    change(dice_, disk_);
    disk_.resize(1'499'000);
    root_ = repo_.backup(disk_).root;
    for (const auto& it : std::filesystem::recursive_directory_iterator(repo_.packs()))
      if (it.is_regular_file()) packs_.push_back(it.path());
  }

  // Where each block of the disk lies.
  struct Lies {
    uint64_t block;
    std::string pack;
    uint64_t offset, end;
  };
  std::vector<Lies> places() {
    FrameCodec codec(repo_.vault);
    ChainWindow<Location> window(repo_.chain, codec);
    std::vector<Lies> out;
    window.take(0, repo_.blocks(disk_.size()), [&](uint64_t block, const Location& it, size_t layer) {
      out.push_back({block, hex(window.column(layer).packs()[it.pack]), it.offset, uint64_t{it.offset} + it.length});
    });
    return out;
  }

  Dice dice_{120};
  SmallRepository repo_{4096};
  Bytes disk_;
  Digest root_;
  std::vector<std::filesystem::path> packs_;
};

TEST_F(VerifyOf, AGoodChainFindsNothing) {
  const VerifyOutcome outcome = repo_.verify(disk_.size());
  EXPECT_TRUE(outcome.damage.empty());
  EXPECT_EQ(outcome.root, root_);
  EXPECT_EQ(outcome.blocks_checked, places().size());
}

TEST_F(VerifyOf, CountsHolesAsDone) {
  Verify verify({repo_.vault, repo_.chain, repo_.packs(), disk_.size(), repo_.block_size, 100, 0, 3});
  verify.run();
  EXPECT_EQ(verify.progress().position, disk_.size());
}

// A changed byte in any frame: the blocks that lie there are named, and no others.
TEST_F(VerifyOf, NamesTheBlocksThatAChangedByteHits) {
  const auto lying = places();
  for (int i = 0; i < 60; i++) {
    const std::filesystem::path& path = packs_[dice_.below(packs_.size())];
    const uint64_t at = dice_.below(std::filesystem::file_size(path));
    const Fd fd = open_file(path, O_RDWR, "IO");
    uint8_t byte;
    read_exact(fd.get(), {&byte, 1}, at, "IO", path);
    const auto changed = static_cast<uint8_t>(byte ^ 0x40);
    write_at(fd.get(), {&changed, 1}, at, "IO", path);
    std::set<uint64_t> expected, found;
    for (const Lies& it : lying)
      if (it.pack == path.filename() && at >= it.offset && at < it.end) expected.insert(it.block);
    for (const Damage& it : repo_.verify(disk_.size()).damage) {
      EXPECT_EQ(it.code, "FRAME_DAMAGED");
      EXPECT_EQ(it.pack, path.filename());
      for (uint64_t part = it.offset; part < it.offset + it.length; part += 4096) found.insert(part / 4096);
    }
    ASSERT_EQ(found, expected) << path << " at " << at;
    write_at(fd.get(), {&byte, 1}, at, "IO", path);
  }
}

TEST_F(VerifyOf, NamesAllBlocksOfALostPackAndChecksTheRest) {
  const std::string lost = packs_[0].filename();
  std::filesystem::remove(packs_[0]);
  std::set<uint64_t> expected, found;
  const auto lying = places();
  for (const Lies& it : lying)
    if (it.pack == lost) expected.insert(it.block);
  ASSERT_FALSE(expected.empty());
  const VerifyOutcome outcome = repo_.verify(disk_.size());
  for (const Damage& it : outcome.damage) {
    EXPECT_EQ(it.code, "PACK_MISSING");
    EXPECT_EQ(it.pack, lost);
    for (uint64_t part = it.offset; part < it.offset + it.length; part += 4096) found.insert(part / 4096);
  }
  EXPECT_EQ(found, expected);
  EXPECT_LT(outcome.damage.size(), expected.size()) << "neighbours are one range";
  EXPECT_EQ(outcome.blocks_checked, lying.size() - expected.size());
}

TEST_F(VerifyOf, ACutOffPackFindsWhatWasBehind) {
  const std::filesystem::path& path = packs_[0];
  const uint64_t size = std::filesystem::file_size(path) / 2;
  std::filesystem::resize_file(path, size);
  std::set<uint64_t> expected, found;
  for (const Lies& it : places())
    if (it.pack == path.filename() && it.end > size) expected.insert(it.block);
  for (const Damage& it : repo_.verify(disk_.size()).damage)
    for (uint64_t part = it.offset; part < it.offset + it.length; part += 4096) found.insert(part / 4096);
  EXPECT_EQ(found, expected);
}

TEST_F(VerifyOf, ASampleTakesItsShareAndTheSameEachTime) {
  const auto all = places().size();
  const auto checked = [&](double percent, uint64_t seed) { return repo_.verify(disk_.size(), percent, seed).blocks_checked; };
  EXPECT_EQ(checked(0, 1), 0u);
  EXPECT_EQ(checked(100, 1), all);
  EXPECT_NEAR(static_cast<double>(checked(30, 1)), static_cast<double>(all) * 0.3, static_cast<double>(all) * 0.12);
  EXPECT_EQ(checked(30, 7), checked(30, 7));
  EXPECT_EQ(repo_.verify(disk_.size(), 30, 7).root, root_) << "the root is always of the whole disk";
}

TEST_F(VerifyOf, ADamagedMapFails) {
  const std::string path = repo_.chain[0].digest.path;
  const uint8_t garbage[40] = {};
  write_at(open_file(path, O_WRONLY, "IO").get(), garbage, 100, "IO", path);
  EXPECT_EQ(code_of([&] { repo_.verify(disk_.size()); }), "MAP_DAMAGED");
}

// Or else a changed block could pass for an unchanged one in the next backup.
TEST_F(VerifyOf, AWrongQuickCheckIsDamage) {
  FrameCodec codec(repo_.vault);
  ColumnWriter<BlockDigest> writer(repo_.folder / "wrong.dig", codec);
  const auto lying = places();
  const uint64_t wrong = lying[lying.size() / 2].block;
  ChainWindow<BlockDigest>(repo_.chain, codec).take(0, repo_.blocks(disk_.size()), [&](uint64_t block, BlockDigest it, size_t) {
    it.quick[3] ^= block == wrong;
    writer.data(block, it);
  });
  // Both columns as one full map.
  ColumnWriter<Location> locations(repo_.folder / "wrong.loc", codec);
  std::vector<PackId> packs;
  ChainWindow<Location> window(repo_.chain, codec);
  window.take(0, repo_.blocks(disk_.size()), [&](uint64_t block, Location it, size_t layer) {
    packs.push_back(window.column(layer).packs()[it.pack]);
    it.pack = static_cast<uint32_t>(packs.size() - 1);
    locations.data(block, it);
  });
  repo_.chain = {Layer{locations.finish(packs), writer.finish({}), repo_.chain[0].blocks}};
  const VerifyOutcome outcome = repo_.verify(disk_.size());
  ASSERT_EQ(outcome.damage.size(), 1u);
  EXPECT_EQ(outcome.damage[0].code, "MAP_DAMAGED");
  EXPECT_EQ(outcome.damage[0].offset, wrong * repo_.block_size);
  EXPECT_EQ(outcome.root, root_);
}

TEST_F(VerifyOf, ColumnsThatDoNotFitTogetherIsDamage) {
  // The digests of the newest point with the places of the one before.
  repo_.chain = {Layer{repo_.chain[1].location, repo_.chain[0].digest, repo_.chain[0].blocks}};
  const VerifyOutcome outcome = repo_.verify(disk_.size());
  ASSERT_FALSE(outcome.damage.empty());
  for (const Damage& it : outcome.damage) EXPECT_TRUE(it.code == "MAP_DAMAGED" || it.code == "FRAME_DAMAGED") << it.code;
}

}  // namespace
}  // namespace strata::test
