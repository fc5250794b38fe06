#include "freed.h"

#include <gtest/gtest.h>

#include "code_of.h"
#include "frame_maps.h"

namespace strata::test {
namespace {

using Chains = std::vector<std::vector<size_t>>;

std::vector<std::vector<Layer>> layers(const FrameMaps& maps, const Chains& chains) {
  std::vector<std::vector<Layer>> out;
  for (const auto& it : chains) out.push_back(maps.chain(it));
  return out;
}

std::vector<uint64_t> naive_freed(const FrameMaps& maps, const Chains& kept, const Chains& dropped) {
  std::set<Frame> counted;
  for (const auto& chain : kept)
    for (const Frame& it : maps.shown(chain)) counted.insert(it);
  std::vector<uint64_t> out;
  for (const auto& chain : dropped) {
    out.push_back(0);
    for (const Frame& it : maps.shown(chain))
      if (counted.insert(it).second) out.back() += it.length;
  }
  return out;
}

TEST(Freed, IsWhatTheModelSays) {
  Dice dice(310);
  const Control control;
  uint64_t freed = 0;
  for (int round = 0; round < 40; round++) {
    // Sometimes all is shared, sometimes hardly anything; packs begin alike, so that equal offsets are common.
    FrameMaps maps(dice, dice.between(1, 40), 1 << 20, dice.chance(50) ? 5'000 : 60'000);
    for (int i = 0; i < 8; i++) maps.add_map(dice, dice.between(1, 2000), static_cast<unsigned>(dice.below(101)));
    Chains kept(dice.below(4)), dropped(dice.below(5));
    for (auto& it : kept) it = random_chain(dice, 8);
    for (auto& it : dropped) it = random_chain(dice, 8);
    const auto expected = naive_freed(maps, kept, dropped);
    ASSERT_EQ(freed_bytes(sample_vault(false), layers(maps, kept), layers(maps, dropped), control), expected);
    for (const uint64_t it : expected) freed += it;
  }
  EXPECT_GT(freed, 0u);
}

TEST(Freed, CountsAPointOnceAndNothingThatIsKept) {
  Dice dice(311);
  const Control control;
  FrameMaps maps(dice, 10, 1 << 20, 30'000);
  const size_t full = maps.add_map(dice, 400, 100), next = maps.add_map(dice, 400, 10);
  const auto freed = [&](const Chains& kept, const Chains& dropped) {
    return freed_bytes(sample_vault(false), layers(maps, kept), layers(maps, dropped), control);
  };
  EXPECT_EQ(freed({}, {}), std::vector<uint64_t>{});
  EXPECT_EQ(freed({{full}}, {{full}, {full}}), (std::vector<uint64_t>{0, 0}));
  const auto twice = freed({}, {{full}, {full}});
  EXPECT_GT(twice[0], 0u);
  EXPECT_EQ(twice[1], 0u);
  // A chain that is dropped as a whole frees the same bytes in whichever order, though not for the same points.
  const auto forward = freed({}, {{full}, {next, full}}), back = freed({}, {{next, full}, {full}});
  EXPECT_EQ(forward[0] + forward[1], back[0] + back[1]);
  EXPECT_GT(back[0], forward[1]);
}

TEST(Freed, SaysWhichMapItCannotRead) {
  Dice dice(312);
  Control control;
  FrameMaps maps(dice, 2, 1 << 20, 30'000);
  for (int i = 0; i < 2; i++) maps.add_map(dice, 100, 50);
  auto lost = layers(maps, {{0}});
  lost[0][0].location.path += "-gone";
  const auto whole = layers(maps, {{1}});
  EXPECT_EQ(code_of([&] { freed_bytes(sample_vault(false), lost, whole, control); }), "MAP_MISSING");
  EXPECT_EQ(code_of([&] { freed_bytes(sample_vault(false), whole, lost, control); }), "MAP_MISSING");
  control.cancel();
  EXPECT_EQ(code_of([&] { freed_bytes(sample_vault(false), {}, whole, control); }), "CANCELLED");
}

}  // namespace
}  // namespace strata::test
