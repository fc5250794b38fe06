#include "liveness.h"

#include <gtest/gtest.h>

#include <thread>

#include "code_of.h"
#include "frame_maps.h"

namespace strata::test {
namespace {

constexpr uint64_t kCells = 4096;
using Shown = std::map<PackId, std::set<Frame>>;

void add(Shown& shown, const std::vector<Frame>& frames) {
  for (const Frame& it : frames) shown[it.pack].insert(it);
}

// Cell by cell.
uint64_t naive_bytes(const std::set<Frame>& frames, uint64_t pack_size, uint64_t pack_bytes) {
  const uint64_t cell = pack_size / kCells;
  std::set<uint64_t> cells;
  for (const Frame& it : frames)
    for (uint64_t at = it.offset / cell; at * cell < uint64_t{it.offset} + it.length; at++) cells.insert(std::min(at, 2 * kCells - 1));
  uint64_t out = 0;
  for (const uint64_t it : cells) out += (it == 2 * kCells - 1 ? pack_bytes : std::min((it + 1) * cell, pack_bytes)) - std::min(it * cell, pack_bytes);
  return out;
}

void knows(const Liveness& liveness, const FrameMaps& maps, const Shown& shown, uint64_t pack_size) {
  std::vector<PackId> referred;
  for (const auto& [id, bytes] : maps.sizes()) {
    const uint64_t found = liveness.bytes(id, bytes);
    const auto frames = shown.find(id);
    if (frames == shown.end()) {
      ASSERT_EQ(found, 0u);
      continue;
    }
    referred.push_back(id);
    uint64_t really = 0;
    for (const Frame& it : frames->second) really += it.length;
    ASSERT_EQ(found, naive_bytes(frames->second, pack_size, bytes));
    ASSERT_GE(found, really);
    ASSERT_LE(found, bytes);
  }
  ASSERT_EQ(liveness.packs(), referred);
}

TEST(Liveness, IsWhatTheModelSays) {
  Dice dice(300);
  const Control control;
  for (const auto& [pack_size, longest] : std::vector<std::pair<uint32_t, uint32_t>>{{1 << 20, 65'536}, {5'000'000, 300'000}, {1 << 20, 200}}) {
    FrameMaps maps(dice, longest < 1000 ? 2 : 20, pack_size, longest);
    for (int i = 0; i < 10; i++) maps.add_map(dice, dice.between(1, 500), static_cast<unsigned>(dice.below(101)));
    Liveness liveness(sample_vault(false), pack_size);
    Shown shown;
    knows(liveness, maps, shown, pack_size);
    for (int i = 0; i < 6 && !HasFatalFailure(); i++) {
      const auto chain = random_chain(dice, 10);
      const auto frames = maps.shown(chain);
      EXPECT_EQ(liveness.mark(maps.chain(chain), control), frames.size());
      add(shown, frames);
      knows(liveness, maps, shown, pack_size);
    }
  }
}

TEST(Liveness, OfPacksLongerThanTheirSize) {
  Dice dice(301);
  const Control control;
  // Nearly as long again, three times as long, and by far too long.
  for (const uint32_t real_size : {2'000'000u, 3'000'000u, 10'000'000u}) {
    constexpr uint64_t kSize = 1 << 20;
    FrameMaps maps(dice, 3, real_size, 30'000);
    for (int i = 0; i < 4; i++) maps.add_map(dice, 300, 60);
    Liveness liveness(sample_vault(false), kSize);
    Shown shown;
    for (size_t map = 0; map < 4; map++) {
      liveness.mark(maps.chain({map}), control);
      add(shown, maps.shown({map}));
      knows(liveness, maps, shown, kSize);
    }
  }
}

// A pack that was cut off: what is referred to may lie beyond its end, but the pack is not free.
TEST(Liveness, OfAPackThatIsReferredToIsNeverZero) {
  Dice dice(302);
  const Control control;
  FrameMaps maps(dice, 1, 1 << 20, 10'000);
  maps.add_map(dice, 50, 50);
  Liveness liveness(sample_vault(false), 1 << 20);
  liveness.mark(maps.chain({0}), control);
  for (const uint64_t bytes : {0, 1, 15, 16, 1000}) {
    const uint64_t found = liveness.bytes(maps.sizes().begin()->first, bytes);
    EXPECT_GE(found, 1u);
    EXPECT_LE(found, std::max<uint64_t>(1, bytes));
  }
}

TEST(Liveness, IsMarkedByManyThreads) {
  constexpr size_t kThreads = 4, kMaps = 12;
  Dice dice(303);
  const Control control;
  FrameMaps maps(dice, 30, 1 << 20, 40'000);
  for (size_t i = 0; i < kMaps; i++) maps.add_map(dice, 1500, 70);
  Liveness liveness(sample_vault(false), 1 << 20);
  Shown shown;
  std::vector<std::vector<std::vector<size_t>>> work(kThreads);
  for (auto& part : work)
    for (int i = 0; i < 5; i++) {
      part.push_back(random_chain(dice, kMaps));
      add(shown, maps.shown(part.back()));
    }
  std::atomic<bool> done{false};
  std::atomic<size_t> wrong{0};
  std::vector<std::thread> threads;
  for (const auto& part : work)
    threads.emplace_back([&] {
      for (const auto& chain : part) wrong += liveness.mark(maps.chain(chain), control) != maps.shown(chain).size();
    });
  std::thread reader([&] {
    while (!done) {
      for (const PackId& id : liveness.packs()) wrong += liveness.bytes(id, maps.sizes().at(id)) > maps.sizes().at(id);
    }
  });
  for (std::thread& it : threads) it.join();
  done = true;
  reader.join();
  EXPECT_EQ(wrong, 0u);
  knows(liveness, maps, shown, 1 << 20);
}

TEST(Liveness, SaysWhichMapItCannotRead) {
  Dice dice(304);
  const Control control;
  FrameMaps maps(dice, 2, 1 << 20, 40'000);
  for (int i = 0; i < 2; i++) maps.add_map(dice, 100, 50);
  Liveness liveness(sample_vault(false), 1 << 20);
  const auto chain = maps.chain({0, 1});
  auto lost = chain;
  lost[1].location.path += "-gone";
  EXPECT_EQ(code_of([&] { liveness.mark(lost, control); }), "MAP_MISSING");
  auto another = chain;
  another[1].location.index_digest[0] ^= 1;
  EXPECT_EQ(code_of([&] { liveness.mark(another, control); }), "MAP_DAMAGED");
  // A page that is damaged is met on the way: what was marked before stays.
  const uint8_t garbage[] = {0xff, 0xfe, 0xfd};
  write_at(open_file(chain[1].location.path, O_WRONLY, "IO").get(), garbage, 40, "IO", "");
  EXPECT_EQ(code_of([&] { liveness.mark(chain, control); }), "MAP_DAMAGED");
  Control stopped;
  stopped.cancel();
  EXPECT_EQ(code_of([&] { liveness.mark(maps.chain({0}), stopped); }), "CANCELLED");
  EXPECT_EQ(liveness.mark(maps.chain({0}), control), maps.shown({0}).size());
}

}  // namespace
}  // namespace strata::test
