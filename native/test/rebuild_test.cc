#include "rebuild.h"

#include "code_of.h"
#include "compare.h"
#include "random_disk.h"
#include "small_repository.h"

namespace strata::test {
namespace {

class RebuildOf : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    disk_ = random_disk(dice_, 6'000'000);
    repo_.backup(disk_);
    // Two dozen new blocks, some of which stand twice, and one that became zero.
    for (size_t i = 0; i < 24; i++) {
      uint8_t* const block = disk_.data() + (40 * i + 1) * 4096;
      for (size_t at = 0; at < 4096; at++) block[at] = static_cast<uint8_t>(dice_.next());
      if (i % 5 == 0) std::copy_n(block, 4096, block + 9 * 4096);
    }
    std::fill_n(disk_.begin() + 3 * 4096, 4096, uint8_t{0});
    root_ = repo_.backup(disk_).root;
  }

  RebuildOptions options(bool with_location, bool with_digest) {
    RebuildOptions out;
    out.vault = repo_.vault;
    if (with_location) out.location = repo_.chain[0].location;
    if (with_digest) out.digest = repo_.chain[0].digest;
    out.packs = repo_.packs();
    out.block_size = repo_.block_size;
    out.size = disk_.size();
    out.index = repo_.index();
    out.path = repo_.folder / ("new" + std::to_string(made_++));
    out.threads = 3;
    return out;
  }

  RebuildOutcome locations(bool with_old = false, const std::vector<BadPlace>& bad = {}, const std::vector<PackId>& missing = {}) {
    RebuildOptions wanted = options(with_old, true);
    wanted.index = repo_.index(bad);
    wanted.bad_places = bad;
    wanted.missing_packs = missing;
    return Rebuild(Rebuild::Column::location, wanted).run();
  }

  RebuildOutcome digests() { return Rebuild(Rebuild::Column::digest, options(true, false)).run(); }

  // What the newest map names by itself.
  template <typename Each>
  void each_place(const ColumnRef& location, Each&& each) {
    FrameCodec codec(repo_.vault);
    const Column<Location> column(location, codec);
    for (size_t i = 0; i < column.pages().size(); i++) {
      const Page<Location> page = column.load(i, codec);
      size_t entry = 0;
      for (const Span& span : page.spans)
        if (span.kind == Kind::data)
          for (uint64_t block = span.start; block < span.end(); block++) each(block, column.packs()[page.entries[entry].pack], page.entries[entry]), entry++;
    }
  }

  // Turns a byte of the frame of one block of the newest map over.
  BadPlace damage(uint64_t number) {
    BadPlace hit{};
    uint64_t at = 0, seen = 0;
    each_place(repo_.chain[0].location, [&](uint64_t, const PackId& pack, const Location& it) {
      if (seen++ != number) return;
      hit = {pack, it.offset};
      at = it.offset + it.length - 1;
    });
    const std::string path = PackFolder(repo_.packs()).path(hit.pack);
    const Fd fd = open_file(path, O_RDWR, "IO");
    uint8_t byte;
    read_exact(fd.get(), {&byte, 1}, at, "IO", path);
    byte ^= 0x10;
    write_at(fd.get(), {&byte, 1}, at, "IO", path);
    return hit;
  }

  uint64_t blocks_at(const BadPlace& place) {
    uint64_t out = 0;
    each_place(repo_.chain[0].location, [&](uint64_t, const PackId& pack, const Location& it) { out += pack == place.pack && it.offset == place.offset; });
    return out;
  }

  uint64_t data_blocks() {
    uint64_t out = 0;
    each_place(repo_.chain[0].location, [&](uint64_t, const PackId&, const Location&) { out++; });
    return out;
  }

  static uint64_t length_of(const std::vector<Range>& ranges) {
    uint64_t out = 0;
    for (const Range& it : ranges) out += it.length;
    return out;
  }

  // The disk as the chain gives it.
  bool restores() {
    const std::string path = repo_.folder / "restored";
    std::filesystem::remove(path);
    const Fd fd = open_file(path, O_RDWR | O_CREAT, "IO");
    std::filesystem::resize_file(path, disk_.size());
    Restore restore(repo_.restore_options(fd.get(), disk_.size()));
    EXPECT_TRUE(restore.run());
    Bytes found(disk_.size());
    read_exact(fd.get(), found, 0, "IO", path);
    return found == disk_;
  }

  Dice dice_{77};
  SmallRepository repo_{4096, GetParam()};
  Bytes disk_;
  Digest root_{};
  unsigned made_ = 0;
};

TEST_P(RebuildOf, LocationsFromDigestsAndPacks) {
  const RebuildOutcome outcome = locations();
  EXPECT_FALSE(outcome.cancelled);
  EXPECT_TRUE(outcome.lost.empty());
  EXPECT_TRUE(outcome.bad.empty());
  EXPECT_FALSE(outcome.wrong_quick_check);
  EXPECT_EQ(outcome.mended, data_blocks());
  EXPECT_EQ(outcome.column.data_blocks, data_blocks());
  repo_.chain[0].location = outcome.column;
  EXPECT_TRUE(repo_.verify(disk_.size()).damage.empty());
  EXPECT_TRUE(restores());
}

TEST_P(RebuildOf, DigestsFromLocationsAndPacks) {
  const RebuildOutcome outcome = digests();
  EXPECT_TRUE(outcome.lost.empty());
  EXPECT_EQ(outcome.mended, data_blocks());
  EXPECT_EQ(outcome.column.index_digest, repo_.chain[0].digest.index_digest) << "the same column, to the byte";
  repo_.chain[0].digest = outcome.column;
  EXPECT_EQ(content_root(repo_.vault, repo_.chain, disk_.size(), repo_.block_size), root_);
  EXPECT_TRUE(repo_.verify(disk_.size()).damage.empty());
}

TEST_P(RebuildOf, OldPlacesStayUnlessTheyAreBad) {
  EXPECT_EQ(locations(true).mended, 0u) << "nothing is read for what is known";
  const BadPlace bad = damage(5);
  const uint64_t blocks = blocks_at(bad);
  const RebuildOutcome lost = locations(true, {bad});
  EXPECT_EQ(lost.mended, 0u);
  EXPECT_EQ(length_of(lost.lost), blocks * repo_.block_size);
  const auto ranges = lost_ranges(repo_.vault, {repo_.chain[0]}, repo_.block_size, {}, {bad});
  ASSERT_EQ(ranges.size(), lost.lost.size());
  for (size_t i = 0; i < ranges.size(); i++) {
    EXPECT_EQ(ranges[i].offset, lost.lost[i].offset);
    EXPECT_EQ(ranges[i].pack, bad.pack);
    EXPECT_FALSE(ranges[i].missing);
  }
  // A backup of the same disk by itself stores the block anew; then it is found there.
  const std::vector<Layer> before = std::exchange(repo_.chain, {});
  repo_.backup(disk_, [&](BackupOptions& it) { it.dedup = repo_.index({bad}); });
  repo_.chain = before;
  const RebuildOutcome found = locations(true, {bad});
  EXPECT_EQ(found.mended, blocks);
  EXPECT_TRUE(found.lost.empty());
  repo_.chain[0].location = found.column;
  // The full below may show the same block from the damaged frame, so only this map is looked at.
  EXPECT_TRUE(lost_ranges(repo_.vault, {repo_.chain[0]}, repo_.block_size, {}, {bad}).empty());
}

// What the index knows need not be whole: it is found damaged when it is read, and nothing is named that was not read.
TEST_P(RebuildOf, WhatIsFoundIsReadBeforeItIsNamed) {
  const BadPlace bad = damage(3);
  const RebuildOutcome outcome = locations();
  EXPECT_EQ(outcome.bad, std::vector<BadPlace>{bad});
  EXPECT_GE(length_of(outcome.lost), uint64_t{repo_.block_size});
  repo_.chain[0].location = outcome.column;
  bool nowhere = false;
  each_place(outcome.column, [&](uint64_t, const PackId& pack, const Location& it) {
    EXPECT_FALSE(pack == bad.pack && it.offset == bad.offset);
    nowhere |= pack == kNoPack;
  });
  EXPECT_TRUE(nowhere);
  uint64_t missing = 0;
  for (const Damage& it : repo_.verify(disk_.size()).damage)
    if (it.code == "PACK_MISSING") missing += it.length;
  EXPECT_EQ(missing, length_of(outcome.lost));
  EXPECT_EQ(code_of([&] { restores(); }), "PACK_MISSING") << "never zeros";
}

TEST_P(RebuildOf, ADamagedFrameKeepsItsDigestAndHasNoQuickCheck) {
  const BadPlace bad = damage(2);
  const RebuildOutcome outcome = digests();
  EXPECT_EQ(outcome.bad, std::vector<BadPlace>{bad});
  EXPECT_EQ(length_of(outcome.lost), blocks_at(bad) * repo_.block_size);
  std::vector<Layer> chain = repo_.chain;
  chain[0].digest = outcome.column;
  EXPECT_EQ(content_root(repo_.vault, chain, disk_.size(), repo_.block_size), root_);
  // A backup on such a map takes the block for a changed one.
  repo_.chain = chain;
  const BackupOutcome backup = repo_.backup(disk_, [&](BackupOptions& it) {
    it.bad_places = {bad};
    it.dedup = repo_.index({bad});
  });
  EXPECT_EQ(backup.bad_blocks, blocks_at(bad) == 0 ? backup.bad_blocks : backup.changed_blocks);
  EXPECT_EQ(backup.bytes_new, repo_.block_size);
  // Whole again, the wrong quick check shows.
  const std::vector<Layer> healed = std::exchange(repo_.chain, chain);
  EXPECT_TRUE(locations(true, {bad}).wrong_quick_check);
  repo_.chain = healed;
  EXPECT_TRUE(restores());
}

TEST_P(RebuildOf, FramesAreFoundWithoutAnIndex) {
  for (const auto& file : std::filesystem::recursive_directory_iterator(repo_.packs())) {
    if (!file.is_regular_file()) continue;
    PackId id;
    unhex(file.path().filename(), id);
    FrameCodec codec(repo_.vault);
    const auto indexed = read_pack_index(codec, *open_pack_file(file.path()), id);
    const auto same = [](const PackedFrame& a, const PackedFrame& b) {
      return a.digest == b.digest && a.offset == b.offset && a.length == b.length && a.raw_length == b.raw_length;
    };
    auto scanned = scan_frames(*open_pack_file(file.path()));
    EXPECT_TRUE(std::equal(scanned.begin(), scanned.end(), indexed.begin(), indexed.end(), same));
    // A destroyed header loses its own frame, and no other.
    ASSERT_GE(indexed.size(), 3u);
    const uint8_t garbage[kFrameHeader] = {'S', 'F', 'R', 'M', 1, 1};
    write_at(open_file(file.path(), O_WRONLY, "IO").get(), garbage, indexed[1].offset, "IO", file.path());
    std::filesystem::resize_file(file.path(), indexed.back().offset + 10);
    scanned = scan_frames(*open_pack_file(file.path()));
    ASSERT_EQ(scanned.size(), indexed.size() - 2);
    EXPECT_EQ(scanned[0].offset, indexed[0].offset);
    if (scanned.size() > 1) {
      EXPECT_EQ(scanned[1].offset, indexed[2].offset);
    }
  }
  EXPECT_EQ(code_of([&] { scan_frames(*open_pack_file(repo_.folder / "none")); }), "PACK_MISSING");
}

TEST_P(RebuildOf, StopsAndRefuses) {
  Rebuild rebuild(Rebuild::Column::digest, options(true, false));
  rebuild.cancel();
  EXPECT_TRUE(rebuild.run().cancelled);
  EXPECT_EQ(code_of([&] { Rebuild(Rebuild::Column::digest, options(false, true)); }), "NATIVE_ARGUMENT");
  EXPECT_EQ(code_of([&] { Rebuild(Rebuild::Column::location, options(true, false)); }), "NATIVE_ARGUMENT");
  const uint8_t garbage[40] = {};
  write_at(open_file(repo_.chain[0].digest.path, O_WRONLY, "IO").get(), garbage, 100, "IO", "");
  EXPECT_EQ(code_of([&] { locations(); }), "MAP_DAMAGED");
  EXPECT_EQ(code_of([&] { content_root(repo_.vault, repo_.chain, disk_.size(), repo_.block_size); }), "MAP_DAMAGED");
}

TEST_P(RebuildOf, VerifyNamesFramesAndWhichAreGoodAgain) {
  const BadPlace bad = damage(4);
  Verify verify({repo_.vault, repo_.chain, repo_.packs(), disk_.size(), repo_.block_size, 100, 0, 3, {bad, {bad.pack, 7}}});
  const VerifyOutcome outcome = verify.run();
  ASSERT_FALSE(outcome.damage.empty());
  for (const Damage& it : outcome.damage) {
    EXPECT_EQ(it.pack, hex(bad.pack));
    for (const uint32_t frame : it.frames) EXPECT_EQ(frame, bad.offset);
    EXPECT_EQ(it.frames.size(), (it.length + repo_.block_size - 1) / repo_.block_size);
  }
  EXPECT_TRUE(outcome.recovered.empty());
  damage(4);
  Verify again({repo_.vault, repo_.chain, repo_.packs(), disk_.size(), repo_.block_size, 100, 0, 3, {bad}});
  EXPECT_EQ(again.run().recovered, std::vector<BadPlace>{bad});
}

INSTANTIATE_TEST_SUITE_P(Sealed, RebuildOf, testing::Values(true, false));

}  // namespace
}  // namespace strata::test
