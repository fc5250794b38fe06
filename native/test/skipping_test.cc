// A backup that does not read all: of random disks with random ranges, against a model that says block by block what the point must hold.
#include "backup.h"
#include "code_of.h"
#include "random_disk.h"
#include "small_repository.h"

namespace strata::test {
namespace {

std::vector<Range> random_ranges(Dice& dice, uint64_t size) {
  std::vector<Range> out;
  for (uint64_t at = dice.chance(20) ? 0 : dice.below(size); at < size;) {
    const uint64_t length = std::min<uint64_t>(size - at, dice.between(1, dice.chance(30) ? 400'000 : 30'000));
    out.push_back({at, length});
    if (dice.chance(5) && at + length < size) {
      at += length;  // the next one touches
      continue;
    }
    at += length + dice.between(1, 60'000);
  }
  return out;
}

bool covers(const std::vector<Range>& ranges, uint64_t from, uint64_t to) {
  for (const Range& it : ranges)
    if (it.offset <= from && from < it.offset + it.length) {
      if (it.offset + it.length >= to) return true;
      from = it.offset + it.length;
    }
  return false;
}

bool zero(const Bytes& disk, uint64_t from, uint64_t to) {
  return std::all_of(disk.begin() + static_cast<ptrdiff_t>(from), disk.begin() + static_cast<ptrdiff_t>(to), [](uint8_t byte) { return byte == 0; });
}

struct Expected {
  Bytes point;
  uint64_t unallocated = 0, unchanged = 0;
};

// What a point of `disk` on `parent` holds. `audit` and `zeros_unread` make some of the unchanged blocks be read.
Expected model(const Bytes& disk, const Bytes& parent, const BackupOptions& options) {
  Expected out{disk};
  for (uint64_t from = 0; from < disk.size(); from += options.block_size) {
    const uint64_t to = std::min<uint64_t>(disk.size(), from + options.block_size);
    const auto at = static_cast<ptrdiff_t>(from), end = static_cast<ptrdiff_t>(to);
    if (covers(options.unallocated, from, to)) {
      std::fill(out.point.begin() + at, out.point.begin() + end, 0);
      out.unallocated += to - from;
    } else if (!options.parent.empty() && covers(options.unchanged, from, to) && !(options.zeros_unread && zero(parent, from, to)) &&
               !options.audit.takes(from / options.block_size)) {
      std::copy(parent.begin() + at, parent.begin() + end, out.point.begin() + at);
      out.unchanged += to - from;
    }
  }
  return out;
}

class SkippingOf : public testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(, SkippingOf, testing::Values(4096, 65536));

TEST_P(SkippingOf, GivesWhatTheModelSays) {
  Dice dice(300 + GetParam());
  for (int round = 0; round < 6; round++) {
    SmallRepository repo(GetParam(), false);
    Bytes disk = random_disk(dice, dice.between(1, 3'000'000)), parent;
    for (int point = 0; point < 4; point++) {
      BackupOptions options = repo.options(repo.put_image(disk), disk.size());
      if (dice.chance(80)) options.unallocated = random_ranges(dice, disk.size());
      if (dice.chance(80)) options.unchanged = random_ranges(dice, disk.size());
      options.audit = {dice.chance(50) ? 0.0 : 10.0, dice.next()};
      options.zeros_unread = dice.chance(50);
      const Expected expected = model(disk, parent, options);
      const BackupOutcome outcome = repo.run(std::move(options));
      EXPECT_EQ(outcome.unallocated, expected.unallocated);
      EXPECT_EQ(outcome.unchanged, expected.unchanged);
      EXPECT_LE(outcome.bytes_read, disk.size() - expected.unallocated - expected.unchanged);
      EXPECT_EQ(outcome.root, repo.root_of(expected.point));
      repo.commit(outcome);
      EXPECT_EQ(repo.restored(disk.size()), expected.point) << "round " << round << ", point " << point;
      EXPECT_TRUE(repo.verify(disk.size()).damage.empty());
      parent = expected.point;
      for (int places = 5; places > 0; places--) scribble(dice, disk, dice.below(disk.size()), dice.between(1, 50'000));
    }
  }
}

TEST(Skipping, ReadsNothingOfWhatItSkips) {
  Dice dice(310);
  SmallRepository repo;
  const Bytes disk = dice.bytes(100 * 4096);
  repo.backup(disk);
  const BackupOutcome outcome = repo.backup(disk, [](BackupOptions& it) { it.unchanged = {{0, 100 * 4096}}; });
  EXPECT_EQ(outcome.bytes_read, 0u);
  EXPECT_EQ(outcome.changed_blocks, 0u);
  EXPECT_EQ(outcome.unchanged, 100u * 4096);
}

TEST(Skipping, FindsInTheSampleWhatATrackerMissed) {
  Dice dice(311);
  SmallRepository repo;
  Bytes disk = dice.bytes(1000 * 4096);
  std::fill_n(disk.begin() + 500 * 4096, 10 * 4096, 0);
  repo.backup(disk);
  const Bytes before = disk;
  disk[7 * 4096]++;
  std::fill_n(disk.begin() + 20 * 4096, 2 * 4096, 0);  // a hole in the file
  disk[503 * 4096] = 1;
  const std::vector<Range> all{{0, disk.size()}};
  const BackupOutcome outcome = repo.backup(disk, [&](BackupOptions& it) {
    it.unchanged = all;
    it.audit = {100, 0};
  });
  EXPECT_EQ(outcome.audited_blocks, 1000u);
  ASSERT_EQ(outcome.changed_unseen.size(), 3u);
  EXPECT_EQ(outcome.changed_unseen[0].offset, 7u * 4096);
  EXPECT_EQ(outcome.changed_unseen[1].offset, 20u * 4096);
  EXPECT_EQ(outcome.changed_unseen[1].length, 2u * 4096);
  EXPECT_EQ(outcome.changed_unseen[2].offset, 503u * 4096);
  EXPECT_EQ(repo.restored(disk.size()), disk);

  const BackupOutcome sampled = repo.backup(disk, [&](BackupOptions& it) {
    it.unchanged = all;
    it.audit = {10, 5};
  });
  EXPECT_GT(sampled.audited_blocks, 60u);
  EXPECT_LT(sampled.audited_blocks, 140u);
  EXPECT_LE(sampled.bytes_read, sampled.audited_blocks * 4096);
  EXPECT_TRUE(sampled.changed_unseen.empty());
}

TEST(Skipping, StoresAgainWhatIsLostThoughItDidNotChange) {
  Dice dice(312);
  SmallRepository repo;
  const Bytes disk = dice.bytes(1000 * 4096);
  repo.backup(disk);
  std::vector<std::filesystem::path> packs;
  for (const auto& it : std::filesystem::recursive_directory_iterator(repo.packs()))
    if (it.is_regular_file()) packs.push_back(it.path());
  std::filesystem::remove(packs[0]);
  PackId missing;
  unhex(packs[0].filename(), missing);
  const BackupOutcome outcome = repo.backup(disk, [&](BackupOptions& it) {
    it.missing_packs = {missing};
    it.unchanged = {{0, disk.size()}};
    it.audit = {10, 1};
  });
  EXPECT_GT(outcome.bytes_new, 0u);
  EXPECT_TRUE(outcome.changed_unseen.empty()) << "what is lost is not what a tracker missed";
  EXPECT_EQ(repo.restored(disk.size()), disk);
}

TEST(Skipping, OfAFileThatGotShorterFails) {
  SmallRepository repo;
  const std::string image = repo.put_image(Bytes(100 * 4096, 'a'));
  BackupOptions options = repo.options(image, 100 * 4096);
  options.unallocated = {{50 * 4096, 50 * 4096}};
  std::filesystem::resize_file(image, 70 * 4096);
  EXPECT_EQ(code_of([&] { repo.run(std::move(options)); }), "SOURCE_SIZE_CHANGED");
}

}  // namespace
}  // namespace strata::test
