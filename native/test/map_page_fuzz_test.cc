// Pages from hostile hands: they decode or are refused as damaged, and nothing else happens (the sanitizers watch).
#include <gtest/gtest.h>

#include "code_of.h"
#include "random_page.h"

namespace strata::test {
namespace {

constexpr uint32_t kPacks = 3;

// What came out must be a page that could have been put in.
template <typename Entry>
std::string decoding(View raw, uint64_t first, uint64_t end) {
  return code_of([&] {
    const Page<Entry> page = decode_page<Entry>(raw, first, end, kPacks);
    uint64_t at = first;
    size_t entries = 0;
    for (const Span& it : page.spans) {
      ASSERT_TRUE(it.start >= at && it.count > 0 && it.count <= end - it.start);
      at = it.end();
      if (it.kind == Kind::data) entries += it.count;
    }
    ASSERT_EQ(at, end);
    ASSERT_EQ(entries, page.entries.size());
    ASSERT_LE(page.weight(), kPageWeight);
    if constexpr (std::is_same_v<Entry, Location>) {
      for (const Location& it : page.entries)
        ASSERT_TRUE(it.pack < kPacks && it.offset >= 16 && it.length >= 80 && uint64_t{it.offset} + it.length <= UINT32_MAX);
    }
  });
}

template <typename Entry>
class MapPageFuzz : public testing::Test {};
using Columns = testing::Types<Location, BlockDigest>;
TYPED_TEST_SUITE(MapPageFuzz, Columns);

TYPED_TEST(MapPageFuzz, ChangedPages) {
  Dice dice(11);
  size_t refused = 0, decoded = 0;
  for (int i = 0; i < 3000; i++) {
    const auto page = random_page<TypeParam>(dice, kPacks);
    const Bytes raw = encode_page(page);
    for (int change = 0; change < 60; change++) {
      Bytes changed = raw;
      for (uint64_t bytes = dice.between(1, 4); bytes > 0; bytes--) {
        // Mostly at the start, where the structure is.
        uint8_t& byte = changed[dice.below(dice.chance(70) ? std::min<size_t>(changed.size(), 24) : changed.size())];
        byte = dice.chance(30) ? 0xff : static_cast<uint8_t>(dice.next());
      }
      if (dice.chance(10)) changed.resize(dice.below(changed.size()));
      const std::string code = decoding<TypeParam>(changed, page.first(), page.end());
      ASSERT_TRUE(code == "no error" || code == "MAP_DAMAGED") << code;
      code == "no error" ? decoded++ : refused++;
    }
  }
  EXPECT_GT(refused, 10'000u);
  EXPECT_GT(decoded, 1000u);
}

TYPED_TEST(MapPageFuzz, RandomBytes) {
  Dice dice(12);
  for (int i = 0; i < 150'000; i++) {
    Bytes any = dice.bytes(dice.below(60));
    if (any.size() >= 4 && dice.chance(90)) any[1] = any[2] = any[3] = 0;
    // Bytes with the high bit make endless numbers: give them a chance to end.
    for (size_t at = 4; at < any.size(); at++)
      if (dice.chance(60)) any[at] &= 3;
    const uint64_t first = dice.chance(10) ? dice.next() : dice.below(10);
    const std::string code = decoding<TypeParam>(any, first, first + dice.between(1, 100));
    ASSERT_TRUE(code == "no error" || code == "MAP_DAMAGED") << code;
  }
}

TYPED_TEST(MapPageFuzz, EveryLengthOfAPage) {
  Dice dice(13);
  const auto page = random_page<TypeParam>(dice, kPacks);
  const Bytes raw = encode_page(page);
  for (size_t size = 0; size < raw.size(); size++) ASSERT_EQ(decoding<TypeParam>(View(raw).first(size), page.first(), page.end()), "MAP_DAMAGED");
}

}  // namespace
}  // namespace strata::test
