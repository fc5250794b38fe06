#include <gtest/gtest.h>

#include "dedup_packs.h"

namespace strata::test {
namespace {

size_t files_in(const std::string& folder) { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {})); }

void knows_all(const DedupPacks& packs, const DedupIndex& index) {
  const auto tally = packs.ask(index);
  EXPECT_EQ(tally.wrong, 0u);
  EXPECT_EQ(tally.missed, 0u);
  EXPECT_GE(tally.found, packs.places().size());
}

TEST(DedupIndex, OfNothingFindsNothing) {
  DedupPacks packs(50);
  const auto index = packs.open();
  for (int i = 0; i < 1000; i++) EXPECT_FALSE(index->find(packs.dice().digest()));
  EXPECT_EQ(index->entries(), 0u);
}

TEST(DedupIndex, FindsWhatThePacksHoldAndNothingElse) {
  DedupPacks packs(51);
  for (const size_t frames : {0, 1, 63, 64, 65, 500, 3000}) packs.add_pack(frames);
  for (int opened = 0; opened < 3; opened++) {  // made, and then from its cache
    const auto index = packs.open();
    knows_all(packs, *index);
    for (int i = 0; i < 20'000; i++) ASSERT_FALSE(index->find(packs.dice().digest()));
    EXPECT_EQ(index->entries(), packs.places().size());
    EXPECT_TRUE(index->skipped().empty());
  }
}

// More than the table of new frames holds: it goes to sorted files several times.
TEST(DedupIndex, FindsAcrossSpills) {
  DedupPacks packs(52);
  packs.add_pack(140'000);
  packs.add_pack(10'000);
  {
    const auto index = packs.open();
    knows_all(packs, *index);
    EXPECT_EQ(index->entries(), packs.places().size());
  }
  packs.add_pack(1000);
  const auto index = packs.open();  // the cache, and beside it the new pack
  knows_all(packs, *index);

  std::vector<std::pair<Digest, FramePlace>> added;
  for (uint32_t i = 0; i < 140'000; i++) {
    added.push_back({packs.dice().digest(), {PackId{0xff, static_cast<uint8_t>(i % 3)}, 16 + i, 80 + i}});
    index->add(added.back().first, added.back().second);
  }
  for (const auto& [digest, place] : added) {
    const auto found = index->find(digest);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->pack, place.pack);
    ASSERT_EQ(found->offset, place.offset);
    ASSERT_EQ(found->length, place.length);
  }
  knows_all(packs, *index);
}

TEST(DedupIndex, WithTheSmallestFilterFindsTheSame) {
  DedupPacks packs(53);
  packs.add_pack(5000);
  knows_all(packs, *packs.open(0));
}

TEST(DedupIndex, LeavesNothingButItsCache) {
  DedupPacks packs(54);
  packs.add_pack(135'000);
  { packs.open(); }
  EXPECT_EQ(files_in(packs.folder().path()), 2u) << "the pack and the cache";
}

TEST(DedupIndex, PassesOverPacksThatCannotBeRead) {
  DedupPacks packs(56);
  for (int i = 0; i < 4; i++) packs.add_pack(1000);
  const auto damaged = packs.packs()[1], lost = packs.packs()[2];
  std::filesystem::resize_file(damaged.path, damaged.bytes - 1);
  std::filesystem::remove(lost.path);
  const auto index = packs.open();
  EXPECT_EQ(index->skipped(), (std::vector<PackId>{damaged.id, lost.id}));
  packs.remove_pack(2);
  packs.remove_pack(1);
  const auto tally = packs.ask(*index);
  EXPECT_EQ(tally.wrong, 0u) << "nothing is found in them";
  EXPECT_EQ(tally.missed, 0u) << "and all in the others";
}

}  // namespace
}  // namespace strata::test
