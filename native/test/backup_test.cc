#include "backup.h"

#include "code_of.h"
#include "random_disk.h"
#include "small_repository.h"

namespace strata::test {
namespace {

struct Kind {
  uint32_t block;
  unsigned threads;
  bool sealed, dedup;
};
class BackupOf : public testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(, BackupOf,
                         testing::Values(Kind{4096, 1, true, true}, Kind{4096, 8, false, true}, Kind{65536, 2, true, false}, Kind{65536, 4, false, true},
                                         Kind{1 << 20, 3, true, true}, Kind{4 << 20, 5, true, true}),
                         [](const auto& it) { return std::to_string(it.param.block) + "x" + std::to_string(it.param.threads); });

// A full and incrementals over disks that change, shrink and grow: every point is what the disk was.
TEST_P(BackupOf, ChangingDisksRestoresBitExact) {
  Dice dice(80 + GetParam().threads);
  SmallRepository repo(GetParam().block, GetParam().sealed);
  Bytes disk = random_disk(dice, 3'000'000 + dice.below(5000));
  for (int point = 0; point < 6; point++) {
    const BackupOutcome outcome = repo.backup(disk, [&](BackupOptions& it) {
      it.threads = GetParam().threads;
      if (!GetParam().dedup) it.dedup = nullptr;
    });
    EXPECT_TRUE(outcome.unreadable.empty());
    EXPECT_EQ(repo.restored(disk.size()), disk) << "point " << point;
    const VerifyOutcome verified = repo.verify(disk.size());
    EXPECT_TRUE(verified.damage.empty());
    EXPECT_EQ(verified.root, outcome.root);
    change(dice, disk);
  }
}

TEST(Backup, OfAnUnchangedDiskStoresNothing) {
  Dice dice(90);
  SmallRepository repo;
  const Bytes disk = random_disk(dice, 1'000'000);
  repo.backup(disk);
  const BackupOutcome again = repo.backup(disk);
  EXPECT_EQ(again.bytes_new, 0u);
  EXPECT_EQ(again.bytes_stored, 0u);
  EXPECT_EQ(again.changed_blocks, 0u);
  EXPECT_EQ(again.location.data_blocks + again.location.zero_blocks, 0u);
  EXPECT_EQ(repo.restored(disk.size()), disk);
}

TEST(Backup, CountsWhatItDid) {
  SmallRepository repo;
  Bytes disk(10 * 4096);
  for (const size_t block : {1, 2, 3, 7}) std::fill_n(disk.begin() + static_cast<ptrdiff_t>(block * 4096), 4096, block == 7 ? 'a' : 'a' + block);
  const BackupOutcome full = repo.backup(disk);
  EXPECT_EQ(full.changed_blocks, 4u);
  EXPECT_EQ(full.zero_blocks, 6u);
  EXPECT_EQ(full.bytes_new, 4u * 4096);
  EXPECT_EQ(full.bytes_read, 4u * 4096) << "holes are not read";

  std::fill_n(disk.begin() + 1 * 4096, 4096, 0);      // to zero
  std::fill_n(disk.begin() + 2 * 4096, 4096, 'z');    // to something new
  std::fill_n(disk.begin() + 5 * 4096, 4096, 'a');    // to what block 7 has
  const BackupOutcome next = repo.backup(disk);
  EXPECT_EQ(next.changed_blocks, 3u);
  EXPECT_EQ(next.zero_blocks, 1u);
  EXPECT_EQ(next.deduplicated_blocks, 1u);
  EXPECT_EQ(next.bytes_new, 4096u);
  EXPECT_EQ(next.location.data_blocks, 2u);
  EXPECT_EQ(next.location.zero_blocks, 1u);
}

TEST(Backup, OfNothing) {
  SmallRepository repo;
  const BackupOutcome outcome = repo.backup({});
  EXPECT_EQ(outcome.bytes_read, 0u);
  EXPECT_EQ(repo.restored(0), Bytes());
}

TEST(Backup, StoresARepeatedBlockOnce) {
  Dice dice(91);
  SmallRepository repo;
  const Bytes block = dice.bytes(4096);
  Bytes disk;
  for (int i = 0; i < 500; i++) put_bytes(disk, block);
  for (const unsigned threads : {1, 8}) {
    repo.chain.clear();
    std::filesystem::remove_all(repo.packs());
    std::filesystem::create_directory(repo.packs());
    const BackupOutcome outcome = repo.backup(disk, [&](BackupOptions& it) { it.threads = threads; });
    EXPECT_EQ(outcome.bytes_new, 4096u);
    EXPECT_EQ(outcome.deduplicated_blocks, 499u);
    EXPECT_EQ(repo.restored(disk.size()), disk);
  }
}

TEST(Backup, FindsBlocksOfAnotherDisk) {
  Dice dice(92);
  SmallRepository repo;
  const Bytes disk = random_disk(dice, 500'000);
  repo.backup(disk);
  repo.chain.clear();
  EXPECT_EQ(repo.backup(disk).bytes_new, 0u);
  EXPECT_EQ(repo.restored(disk.size()), disk);
}

// Maps and roots do not depend on the number of threads, nor on which was quicker.
TEST(Backup, IsTheSameWhateverTheThreads) {
  Dice dice(93);
  const Bytes disk = random_disk(dice, 3'000'000);
  std::set<Digest> roots, locations, digests;
  std::set<uint64_t> stored;
  for (const unsigned threads : {1, 2, 3, 5, 8}) {
    SmallRepository repo(4096, false);
    const BackupOutcome outcome = repo.backup(disk, [&](BackupOptions& it) { it.threads = threads; });
    EXPECT_EQ(outcome.threads, threads);
    roots.insert(outcome.root);
    locations.insert(outcome.location.index_digest);
    digests.insert(outcome.digest.index_digest);
    stored.insert(outcome.bytes_stored);
  }
  EXPECT_EQ(roots.size(), 1u);
  EXPECT_EQ(locations.size(), 1u);
  EXPECT_EQ(digests.size(), 1u);
  EXPECT_EQ(stored.size(), 1u);
}

TEST(Backup, SaysHowManyBytesItStored) {
  Dice dice(94);
  SmallRepository repo;
  const BackupOutcome outcome = repo.backup(random_disk(dice, 4'000'000), [](BackupOptions& it) { it.pack_size = 200'000; });
  uint64_t bytes = 0, packs = 0;
  for (const auto& it : std::filesystem::recursive_directory_iterator(repo.packs()))
    if (it.is_regular_file()) {
      bytes += it.file_size();
      packs++;
    }
  EXPECT_EQ(outcome.bytes_stored, bytes);
  EXPECT_GT(packs, 1u);
}

TEST(Backup, StoresAgainWhatLiesInAMissingPack) {
  Dice dice(95);
  SmallRepository repo;
  Bytes disk = random_disk(dice, 3'000'000);
  repo.backup(disk);
  std::vector<std::filesystem::path> packs;
  for (const auto& it : std::filesystem::recursive_directory_iterator(repo.packs()))
    if (it.is_regular_file()) packs.push_back(it.path());
  std::filesystem::remove(packs[0]);
  PackId missing;
  unhex(packs[0].filename(), missing);
  // What lay there may be zero now too: that must not come back from the lost pack.
  std::fill_n(disk.begin() + 100'000, 900'000, 0);
  const BackupOutcome outcome = repo.backup(disk, [&](BackupOptions& it) { it.missing_packs = {missing}; });
  EXPECT_GT(outcome.bytes_new, 0u);
  EXPECT_EQ(repo.restored(disk.size()), disk);
  EXPECT_TRUE(repo.verify(disk.size()).damage.empty());
}

TEST(Backup, StoresAgainWhatLiesAtABadPlace) {
  Dice dice(97);
  SmallRepository repo;
  Bytes disk = dice.bytes(100 * 4096);
  std::copy_n(disk.begin() + 7 * 4096, 4096, disk.begin() + 50 * 4096);  // the same frame
  repo.backup(disk);
  std::vector<BadPlace> bad;
  FrameCodec codec(repo.vault);
  ChainWindow<Location> parent(repo.chain, codec);
  parent.take(0, 100, [&](uint64_t block, const Location& place, size_t layer) {
    if (block == 7 || block == 20 || block == 21) bad.push_back({parent.column(layer).packs()[place.pack], place.offset});
  });
  ASSERT_EQ(bad.size(), 3u);
  const std::string pack = PackFolder(repo.packs()).path(bad[0].pack);
  for (const BadPlace& it : bad) write_at(open_file(pack, O_WRONLY, "IO").get(), dice.bytes(100), it.offset + kFrameHeader, "IO", pack);
  EXPECT_EQ(repo.verify(disk.size()).damage.size(), 3u) << "blocks 7, 20 and 21 together, and 50";
  std::fill_n(disk.begin() + 21 * 4096, 4096, 0);  // must not come back either

  const BackupOutcome outcome = repo.backup(disk, [&](BackupOptions& it) {
    it.dedup = repo.index(bad);
    it.bad_places = bad;
  });
  EXPECT_EQ(outcome.changed_blocks, 4u);
  EXPECT_EQ(outcome.bytes_new, 2u * 4096);
  EXPECT_EQ(repo.restored(disk.size()), disk);
  EXPECT_TRUE(repo.verify(disk.size()).damage.empty());
  // The new copies are what the next run finds.
  EXPECT_EQ(repo.backup(disk, [&](BackupOptions& it) {
    it.parent.clear();
    it.dedup = repo.index(bad);
    it.bad_places = bad;
  }).bytes_new, 0u);
}

TEST(Backup, LeavesNoFileOpen) {
  const auto open_files = [] { return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}); };
  Dice dice(96);
  const Bytes disk = random_disk(dice, 500'000);
  const auto before = open_files();
  {
    SmallRepository repo;
    for (int i = 0; i < 3; i++) {
      repo.backup(disk);
      BackupOptions broken = repo.options(repo.folder / "none", 4096);
      EXPECT_EQ(code_of([&] { repo.run(std::move(broken)); }), "SOURCE_OPEN");
      repo.verify(disk.size());
    }
  }
  EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace strata::test
