// A cache that outlives a collection: what lay in packs that are gone is not found there, all else still is. And frames that are known to be
// damaged, which are not found either.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "dedup_packs.h"

namespace strata::test {
namespace {

constexpr size_t kHead = 24, kPack = 16, kEntry = 48;

class DedupCollected : public testing::Test {
 protected:
  size_t cache_size() const { return std::filesystem::file_size(packs_.cache()); }
  // Changes when the cache is written anew.
  ino_t cache_file() const {
    struct stat facts;
    stat(packs_.cache().c_str(), &facts);
    return facts.st_ino;
  }
  static BadPlace bad(const FramePlace& place) { return {place.pack, place.offset}; }
  // Everything that no removed pack held, too, is found; nothing is found where it is not.
  void finds_what_is_left(const DedupIndex& index, const std::set<Digest>& may_miss) const {
    for (const Digest& digest : packs_.digests()) {
      const auto places = packs_.places_of(digest);
      const auto found = index.find(digest);
      ASSERT_TRUE(found ? places.contains(*found) : places.empty() || may_miss.contains(digest));
    }
  }
  std::set<Digest> digests_in(const PackId& id) const {
    std::set<Digest> out;
    for (const auto& [digest, places] : packs_.places())
      for (const FramePlace& it : places)
        if (it.pack == id) out.insert(digest);
    return out;
  }

  DedupPacks packs_{320};
};

TEST_F(DedupCollected, IsReadOnWhenFewOfItsEntriesAreDead) {
  for (int i = 0; i < 20; i++) packs_.add_pack(300);
  const uint64_t before = packs_.open()->entries();
  const ino_t file = cache_file();
  std::set<Digest> may_miss;
  for (const size_t number : {3, 9}) {
    may_miss.merge(digests_in(packs_.packs()[number].id));
    packs_.remove_pack(number);
  }
  for (int opened = 0; opened < 2; opened++) {
    const auto index = packs_.open();
    finds_what_is_left(*index, may_miss);
    EXPECT_LT(index->entries(), before - 500);
    EXPECT_GE(index->entries() + may_miss.size(), packs_.places().size());
    EXPECT_EQ(cache_file(), file);
  }
}

TEST_F(DedupCollected, IsWrittenAnewWhenManyAre) {
  for (int i = 0; i < 8; i++) packs_.add_pack(300);
  packs_.open();
  const ino_t file = cache_file();
  std::set<Digest> may_miss;
  for (const size_t number : {6, 4, 0}) {
    may_miss.merge(digests_in(packs_.packs()[number].id));
    packs_.remove_pack(number);
  }
  uint64_t entries = 0;
  {
    const auto index = packs_.open();
    entries = index->entries();
    finds_what_is_left(*index, may_miss);
    EXPECT_NE(cache_file(), file);
    EXPECT_EQ(cache_size(), kHead + 5 * kPack + entries * kEntry) << "only what is there is in it";
  }
  const ino_t rewritten = cache_file();
  packs_.add_pack(50);  // and numbers that fit the new table
  const auto index = packs_.open();
  finds_what_is_left(*index, may_miss);
  EXPECT_GE(index->entries(), entries + 50);
  EXPECT_EQ(cache_file(), rewritten);
}

TEST_F(DedupCollected, WhenAllPacksAreGoneNothingIsLeft) {
  for (int i = 0; i < 3; i++) packs_.add_pack(200);
  packs_.open();
  for (int i = 0; i < 3; i++) packs_.remove_pack(0);
  EXPECT_EQ(packs_.open()->entries(), 0u);
  EXPECT_EQ(cache_size(), kHead);
  packs_.add_pack(100);
  const auto tally = packs_.ask(*packs_.open());
  EXPECT_EQ(tally.wrong + tally.missed, 0u);
}

// A copy in a pack that the cache does not know yet, or that it met later.
TEST_F(DedupCollected, AnotherCopyIsFound) {
  for (int i = 0; i < 20; i++) packs_.add_pack(300);
  packs_.open();
  const ino_t file = cache_file();
  const std::set<Digest> moved = digests_in(packs_.packs()[5].id), others = digests_in(packs_.packs()[6].id);
  packs_.add_pack_of({moved.begin(), moved.end()});
  const PackId copies = packs_.packs().back().id;
  packs_.remove_pack(5);
  {
    const auto index = packs_.open();
    EXPECT_EQ(cache_file(), file) << "the copies are not in it";
    for (const Digest& it : moved) EXPECT_EQ(index->find(it).value().pack, copies);
    // So is what is added: it is in the table of new frames, then in a file of its own.
    for (const Digest& it : others) index->add(it, {PackId{0xff}, 16, 80});
    for (const Digest& it : others) EXPECT_EQ(index->find(it).value().pack, PackId{0xff});
    for (int i = 0; i < 130'000; i++) index->add(packs_.dice().digest(), {PackId{0xff}, 16, 80});
    for (const Digest& it : others) EXPECT_EQ(index->find(it).value().pack, PackId{0xff});
  }
  // The cache is written anew while a pack and its copy are both there: it keeps the copy.
  packs_.add_pack_of({others.begin(), others.end()});
  packs_.add_pack(2000);
  packs_.open();
  EXPECT_NE(cache_file(), file);
  const auto old = std::find_if(packs_.packs().begin(), packs_.packs().end(), [&](const PackFile& it) { return digests_in(it.id) == others; });
  packs_.remove_pack(static_cast<size_t>(old - packs_.packs().begin()));
  const auto index = packs_.open();
  for (const Digest& it : others) EXPECT_TRUE(packs_.places_of(it).contains(index->find(it).value()));
}

TEST_F(DedupCollected, WhatLiesAtABadPlaceIsNotFound) {
  for (int i = 0; i < 5; i++) packs_.add_pack(300);
  std::set<Digest> damaged;
  std::vector<BadPlace> places;
  for (int i = 0; i < 40; i++) {
    const Digest& digest = packs_.digests()[packs_.dice().below(packs_.digests().size())];
    damaged.insert(digest);
    for (const FramePlace& it : packs_.places_of(digest)) places.push_back(bad(it));
  }
  places.push_back({PackId{0xee}, 16});  // of a pack that there is not
  const auto only_the_damaged_are_missed = [&](const DedupIndex& index) {
    for (const Digest& it : packs_.digests()) EXPECT_EQ(index.find(it).has_value(), !damaged.contains(it));
  };
  only_the_damaged_are_missed(*packs_.open(1 << 20, places));  // made from the packs
  only_the_damaged_are_missed(*packs_.open(1 << 20, places));  // from its cache
  std::filesystem::remove(packs_.cache());
  packs_.open();
  const ino_t file = cache_file();
  only_the_damaged_are_missed(*packs_.open(1 << 20, places));  // from a cache that was made before the damage
  EXPECT_EQ(cache_file(), file);
  std::vector<Digest> others(1000);
  for (Digest& it : others) it = packs_.dice().digest();
  packs_.add_pack_of(others);
  only_the_damaged_are_missed(*packs_.open(1 << 20, places));  // written anew without them
  EXPECT_NE(cache_file(), file);
}

TEST_F(DedupCollected, AGoodCopyOfABadFrameIsFound) {
  packs_.add_pack(500);
  const std::set<Digest> all = digests_in(packs_.packs()[0].id);
  std::vector<BadPlace> places;
  for (const Digest& it : all)
    for (const FramePlace& place : packs_.places_of(it)) places.push_back(bad(place));
  packs_.open();
  packs_.add_pack_of({all.begin(), all.end()});
  for (int opened = 0; opened < 2; opened++) {
    const auto index = packs_.open(1 << 20, places);
    EXPECT_EQ(index->entries(), all.size());
    for (const Digest& it : all) EXPECT_EQ(index->find(it).value().pack, packs_.packs()[1].id);
  }
}

}  // namespace
}  // namespace strata::test
