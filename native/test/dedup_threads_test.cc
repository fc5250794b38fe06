#include <gtest/gtest.h>

#include <barrier>
#include <thread>

#include "dedup_packs.h"

namespace strata::test {
namespace {

// As in a backup: many threads look up while the one that commits adds. What was added before the question is found.
TEST(DedupIndex, IsAskedByManyThreadsWhileOneAdds) {
  constexpr uint32_t kAdded = 140'000;  // passes the spill
  constexpr int kAsked = 30'000;
  DedupPacks packs(70);
  packs.add_pack(2000);
  const auto index = packs.open();
  std::vector<Digest> digests(kAdded);
  for (Digest& it : digests) it = packs.dice().digest();

  std::atomic<uint32_t> added{0};
  std::atomic<size_t> wrong{0}, missed{0};
  std::vector<std::thread> threads;
  for (uint64_t seed = 0; seed < 4; seed++)
    threads.emplace_back([&, seed] {
      Dice dice(seed);
      for (int asked = 0; asked < kAsked; asked++) {
        const uint32_t there = added;
        const auto number = static_cast<uint32_t>(dice.below(kAdded));
        const auto found = index->find(digests[number]);
        if (found ? found->offset != 16 + number : number < there) (found ? wrong : missed)++;
        const Digest& old = packs.digests()[dice.below(packs.digests().size())];
        if (const auto place = index->find(old); !place || !packs.places().at(old).contains(*place)) wrong++;
      }
    });
  for (uint32_t i = 0; i < kAdded; i++) {
    index->add(digests[i], {PackId{0xff}, 16 + i, 80});
    added = i + 1;
  }
  for (std::thread& it : threads) it.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(missed, 0u);
}

// Several runs on one machine share the cache file: each must go on with what it wrote itself.
TEST(DedupIndex, SeveralAtOnceOverOneCacheDoNotMixUp) {
  constexpr uint32_t kRuns = 3, kAdded = 140'000, kSpill = 128 * 1024 - 1, kRounds = 3;
  DedupPacks packs(71);
  std::atomic<size_t> wrong{0}, missed{0}, failed{0};
  for (uint32_t round = 0; round < kRounds; round++) {
    // New packs, so that all of them write the cache anew.
    packs.add_pack(6000u << round);
    std::barrier together(kRuns);
    std::vector<std::thread> threads;
    for (uint32_t run = 0; run < kRuns; run++)
      threads.emplace_back([&, run] {
        try {
          together.arrive_and_wait();
          const auto index = packs.open();
          const auto tally = packs.ask(*index);
          wrong += tally.wrong;
          missed += tally.missed;
          if (round > 0) return;
          Dice dice(run);
          for (uint32_t i = 0; i < kAdded; i++) {
            if (i == kSpill) together.arrive_and_wait();
            index->add(dice.digest(), {PackId{0xee, static_cast<uint8_t>((i + run) % 3)}, 16 + i, 80 + run});
          }
          Dice again(run);
          for (uint32_t i = 0; i < kAdded; i++) {
            const auto found = index->find(again.digest());
            if (!found) missed++;
            else if (found->pack != PackId{0xee, static_cast<uint8_t>((i + run) % 3)} || found->offset != 16 + i || found->length != 80 + run) wrong++;
          }
        } catch (const std::exception&) {
          failed++;
        }
      });
    for (std::thread& it : threads) it.join();
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(missed, 0u);
  EXPECT_EQ(failed, 0u);
}

}  // namespace
}  // namespace strata::test
