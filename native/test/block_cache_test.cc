#include "block_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <latch>
#include <thread>

#include "code_of.h"
#include "dice.h"

namespace strata::test {
namespace {

using Key = BlockCache::Key;

// The content of the block of `key`.
Bytes content_of(uint64_t key, size_t length = 100) {
  Bytes out(length);
  for (size_t i = 0; i < length; i++) out[i] = static_cast<uint8_t>(key * 31 + i);
  return out;
}

BlockCache::Load load_of(uint64_t key) {
  return [key](Bytes& out) { out = content_of(key); };
}

void never(Bytes&) { throw Error("IO", "it is loaded although it is there"); }

void wait_for_hits(const BlockCache& cache, uint64_t hits) {
  while (cache.counters().hits < hits) std::this_thread::yield();
}

// Against a list of keys, used last first.
TEST(BlockCache, KeepsThoseUsedLast) {
  Dice dice(300);
  for (const size_t capacity : {0, 1, 2, 5, 40}) {
    BlockCache cache(capacity);
    std::vector<uint64_t> model;
    uint64_t hits = 0, misses = 0;
    for (int i = 0; i < 3000; i++) {
      const uint64_t key = dice.below(dice.chance(50) ? 8 : 80);
      const auto found = std::find(model.begin(), model.end(), key);
      const bool there = found != model.end();
      there ? hits++ : misses++;
      if (there) model.erase(found);
      model.insert(model.begin(), key);
      if (model.size() > std::max<size_t>(capacity, 1)) model.pop_back();
      ASSERT_EQ(*cache.get(Key{key, 0}, there ? BlockCache::Load(never) : load_of(key)), content_of(key));
      for (uint64_t other = 0; other < 80; other++)
        ASSERT_EQ(cache.holds(Key{other, 0}), std::find(model.begin(), model.end(), other) != model.end()) << other;
    }
    const BlockCache::Counters counters = cache.counters();
    EXPECT_EQ(counters.hits, hits);
    EXPECT_EQ(counters.misses, misses);
    EXPECT_EQ(counters.blocks, model.size());
    EXPECT_EQ(counters.buffers, model.size()) << "nobody holds another";
  }
}

TEST(BlockCache, TellsBlocksAtOnePlaceApart) {
  BlockCache cache(5);
  cache.get(Key{1, 1}, load_of(1));
  EXPECT_FALSE(cache.holds(Key{1, 2}));
  EXPECT_EQ(*cache.get(Key{1, 2}, load_of(2)), content_of(2));
  EXPECT_EQ(*cache.get(Key{1, 1}, never), content_of(1));
}

TEST(BlockCache, LoadsOnceWhatManyWant) {
  constexpr uint64_t kThreads = 8;
  BlockCache cache(3);
  std::atomic<int> loads{0};
  const BlockCache::Load load = [&](Bytes& out) {
    loads++;
    wait_for_hits(cache, kThreads - 1);
    out = content_of(7);
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kThreads; i++)
    threads.emplace_back([&] { EXPECT_EQ(*cache.get(Key{7, 0}, load), content_of(7)); });
  for (std::thread& it : threads) it.join();
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(cache.counters().misses, 1u);
}

TEST(BlockCache, AFailureReachesAllWhoWaitAndIsNotKept) {
  constexpr uint64_t kThreads = 8;
  BlockCache cache(3);
  std::atomic<int> loads{0}, failures{0};
  const BlockCache::Load load = [&](Bytes& out) {
    loads++;
    wait_for_hits(cache, kThreads - 1);
    out = content_of(0, 5000);
    throw Error("FRAME_DAMAGED", "it is damaged");
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kThreads; i++)
    threads.emplace_back([&] { failures += code_of([&] { cache.get(Key{7, 0}, load); }) == "FRAME_DAMAGED"; });
  for (std::thread& it : threads) it.join();
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(failures, static_cast<int>(kThreads));
  EXPECT_FALSE(cache.holds(Key{7, 0}));
  EXPECT_EQ(cache.counters().buffers, 0u);
  EXPECT_EQ(*cache.get(Key{7, 0}, load_of(7)), content_of(7)) << "the next who asks tries again";
}

// Whatever is thrown.
TEST(BlockCache, PassesOnOtherFailuresToo) {
  BlockCache cache(1);
  EXPECT_THROW(cache.get(Key{1, 0}, [](Bytes&) { throw std::bad_alloc(); }), std::bad_alloc);
  EXPECT_THROW(cache.get(Key{1, 0}, [](Bytes&) { throw 5; }), int);
  EXPECT_EQ(cache.counters().blocks, 0u);
}

TEST(BlockCache, WhoWaitsGetsABlockThatIsDroppedAtOnce) {
  constexpr uint64_t kThreads = 4;
  BlockCache cache(1);
  std::latch first_loads(1), second_done(1);
  // The one place is taken by a block that is still being loaded, so the other is dropped as soon as it is there.
  std::thread first([&] {
    cache.get(Key{1, 0}, [&](Bytes& out) {
      first_loads.count_down();
      second_done.wait();
      out = content_of(1);
    });
  });
  first_loads.wait();
  const BlockCache::Load load = [&](Bytes& out) {
    wait_for_hits(cache, kThreads - 1);
    out = content_of(2);
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kThreads; i++)
    threads.emplace_back([&] { EXPECT_EQ(*cache.get(Key{2, 0}, load), content_of(2)); });
  for (std::thread& it : threads) it.join();
  EXPECT_FALSE(cache.holds(Key{2, 0}));
  EXPECT_TRUE(cache.holds(Key{1, 0}));
  second_done.count_down();
  first.join();
  EXPECT_EQ(*cache.get(Key{1, 0}, never), content_of(1));
}

TEST(BlockCache, BuffersInUseAreNotGivenToOthers) {
  BlockCache cache(2);
  std::vector<BlockCache::Block> held;
  for (uint64_t key = 0; key < 100; key++) held.push_back(cache.get(Key{key, 0}, load_of(key)));
  EXPECT_EQ(cache.counters().blocks, 2u);
  EXPECT_EQ(cache.counters().buffers, 100u);
  for (uint64_t key = 0; key < 100; key++) ASSERT_EQ(*held[key], content_of(key));
  held.clear();
  EXPECT_EQ(cache.counters().buffers, 2u);
  // What the bytes were before does not matter.
  EXPECT_EQ(*cache.get(Key{1000, 0}, [](Bytes& out) { out.assign(3, 1); }), Bytes(3, 1));
}

TEST(BlockCache, ABlockOutlivesIt) {
  std::vector<BlockCache::Block> held;
  {
    BlockCache cache(3);
    for (uint64_t key = 0; key < 10; key++) held.push_back(cache.get(Key{key, 0}, load_of(key)));
  }
  for (uint64_t key = 0; key < 10; key++) EXPECT_EQ(*held[key], content_of(key));
}

TEST(BlockCache, ServesManyThreads) {
  BlockCache cache(10);
  std::atomic<uint64_t> failed{0}, met{0}, gets{0};
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 6; i++)
    threads.emplace_back([&, i] {
      Dice dice(301 + i);
      std::vector<std::pair<uint64_t, BlockCache::Block>> held;
      for (int round = 0; round < 4000; round++) {
        const uint64_t key = dice.below(40);
        const bool fails = dice.chance(5);
        try {
          held.emplace_back(key, cache.get(Key{key, 0}, [&](Bytes& out) {
            if (fails) {
              failed++;
              throw Error("IO", "it fails");
            }
            out = content_of(key);
          }));
        } catch (const Error&) {
          met++;
        }
        gets++;
        if (dice.chance(10)) {
          for (const auto& [other, block] : held) EXPECT_EQ(*block, content_of(other));
          held.clear();
        }
      }
    });
  for (std::thread& it : threads) it.join();
  const BlockCache::Counters counters = cache.counters();
  EXPECT_EQ(counters.hits + counters.misses, gets);
  EXPECT_EQ(counters.blocks, 10u);
  EXPECT_EQ(counters.buffers, 10u);
  EXPECT_GT(failed, 0u);
  EXPECT_GE(met, failed);
}

}  // namespace
}  // namespace strata::test
