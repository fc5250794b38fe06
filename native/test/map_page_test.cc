#include "map_page.h"

#include <gtest/gtest.h>

#include "code_of.h"
#include "dice.h"
#include "frame.h"
#include "random_page.h"

namespace strata::test {
namespace {

constexpr uint32_t kPacks = 5;

TEST(MapPage, GivesBackWhatWasPutIn) {
  Dice dice(10);
  for (int i = 0; i < 2000; i++) {
    const Page<Location> places = random_page<Location>(dice, kPacks);
    EXPECT_EQ(decode_page<Location>(encode_page(places), places.first(), places.end(), kPacks), places);
    const Page<BlockDigest> digests = random_page<BlockDigest>(dice, kPacks);
    EXPECT_EQ(decode_page<BlockDigest>(encode_page(digests), digests.first(), digests.end(), 0), digests);
  }
}

TEST(MapPage, HoldsTheExtremes) {
  const uint64_t last = UINT64_MAX - 1;
  Page<Location> page;
  page.spans = {{0, 1, Kind::data}, {1, last - 2, Kind::zero}, {last - 1, 1, Kind::data}};
  page.entries = {{kPacks - 1, UINT32_MAX - 80, 80, UINT64_MAX}, {0, 16, static_cast<uint32_t>(kFrameHeader + kMaxRaw), 0}};
  EXPECT_EQ(decode_page<Location>(encode_page(page), 0, last, kPacks), page);
}

TEST(MapPage, OfFramesInSequenceIsSmall) {
  Page<Location> page;
  page.spans = {{7, 1000, Kind::data}};
  for (uint32_t i = 0; i < 1000; i++) page.entries.push_back({3, 16 + i * 100, 100, i});
  // Ten bytes for each: pack, offset and length one each (the length of 100 is one byte), and the check.
  EXPECT_LT(encode_page(page).size(), 1000 * 11 + 16);
}

TEST(MapPage, IsRefusedWhereItDoesNotFitItsIndex) {
  Page<BlockDigest> page;
  page.spans = {{10, 2, Kind::data}, {14, 3, Kind::zero}};
  page.entries = {BlockDigest{{1}, {2}}, BlockDigest{{3}, {4}}};
  const Bytes raw = encode_page(page);
  const auto decoded = [&](uint64_t first, uint64_t end) { return code_of([&] { decode_page<BlockDigest>(raw, first, end, 0); }); };
  EXPECT_EQ(decoded(10, 17), "no error");
  EXPECT_EQ(decoded(10, 16), "MAP_DAMAGED");
  EXPECT_EQ(decoded(10, 18), "MAP_DAMAGED");
  EXPECT_EQ(decoded(11, 17), "MAP_DAMAGED");
}

TEST(MapPage, IsRefusedWhenItNamesAPackThatTheMapDoesNot) {
  Page<Location> page;
  page.spans = {{0, 1, Kind::data}};
  page.entries = {{2, 16, 100, 0}};
  EXPECT_EQ(code_of([&] { decode_page<Location>(encode_page(page), 0, 1, 3); }), "no error");
  EXPECT_EQ(code_of([&] { decode_page<Location>(encode_page(page), 0, 1, 2); }), "MAP_DAMAGED");
}

TEST(MapPage, IsRefusedWhenItIsTooHeavy) {
  Page<BlockDigest> page;
  for (uint64_t i = 0; i <= kPageWeight; i++) page.spans.push_back({i * 2, 1, Kind::zero});
  EXPECT_EQ(code_of([&] { decode_page<BlockDigest>(encode_page(page), page.first(), page.end(), 0); }), "MAP_DAMAGED");
  page.spans = {{0, kPageWeight, Kind::data}};
  page.entries.resize(kPageWeight);
  EXPECT_EQ(code_of([&] { decode_page<BlockDigest>(encode_page(page), page.first(), page.end(), 0); }), "MAP_DAMAGED");
}

}  // namespace
}  // namespace strata::test
