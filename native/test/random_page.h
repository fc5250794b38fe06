// Pages with random runs and entries, of all weights up to the largest.
#pragma once
#include "dice.h"
#include "map_page.h"

namespace strata {

inline bool operator==(const Location& a, const Location& b) {
  return a.pack == b.pack && a.offset == b.offset && a.length == b.length && a.check == b.check;
}
inline bool operator==(const Span& a, const Span& b) { return a.start == b.start && a.count == b.count && a.kind == b.kind; }
template <typename Entry>
bool operator==(const Page<Entry>& a, const Page<Entry>& b) {
  return a.spans == b.spans && a.entries == b.entries;
}

}  // namespace strata

namespace strata::test {

template <typename Entry>
Entry random_entry(Dice& dice, [[maybe_unused]] uint32_t packs) {
  if constexpr (std::is_same_v<Entry, BlockDigest>) {
    BlockDigest out{dice.digest(), {}};
    for (uint8_t& it : out.quick) it = static_cast<uint8_t>(dice.next());
    return out;
  } else {
    const auto length = static_cast<uint32_t>(dice.between(80, dice.chance(10) ? 80 + (256u << 20) : 70'000));
    const auto offset = static_cast<uint32_t>(dice.between(16, dice.chance(10) ? UINT32_MAX - length : 1 << 26));
    return {static_cast<uint32_t>(dice.below(packs)), offset, length, dice.next()};
  }
}

template <typename Entry>
Page<Entry> random_page(Dice& dice, uint32_t packs) {
  Page<Entry> page;
  const size_t weight = dice.between(2, dice.chance(20) ? 1024 : 60);
  uint64_t at = dice.chance(20) ? dice.next() >> 2 : dice.below(1000);
  while (page.weight() + 2 <= weight) {
    const Kind kind = dice.chance(60) ? Kind::data : Kind::zero;
    if (!page.spans.empty() && (page.spans.back().kind == kind || dice.chance(30))) at += dice.between(1, dice.chance(10) ? 1 << 30 : 20);
    const uint64_t room = weight - page.weight() - 1;
    const uint64_t count = kind == Kind::data ? dice.between(1, std::min<uint64_t>(room, 40)) : dice.between(1, dice.chance(10) ? 1 << 30 : 20);
    page.spans.push_back({at, count, kind});
    if (kind == Kind::data)
      for (uint64_t i = 0; i < count; i++) page.entries.push_back(random_entry<Entry>(dice, packs));
    at += count;
  }
  return page;
}

}  // namespace strata::test
