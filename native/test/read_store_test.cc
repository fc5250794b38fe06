#include "read_store.h"

#include <latch>

#include "code_of.h"
#include "medium.h"
#include "open_disk.h"

namespace strata::test {
namespace {

class ReadStoreOf : public testing::Test {
 protected:
  void SetUp() override {
    disk_ = dice_.bytes(150 * 4096);
    repo_.backup(disk_);
    store_ = open_store(repo_);
    entries_ = entries_of(*open_point(repo_, store_, disk_.size(), repo_.chain));
    ASSERT_EQ(entries_.size(), 150u);
  }

  Bytes block(size_t number) const { return {disk_.begin() + static_cast<ptrdiff_t>(number * 4096), disk_.begin() + static_cast<ptrdiff_t>((number + 1) * 4096)}; }

  std::string code(ReadStore& store, const BlockEntry& entry) {
    return code_of([&] { store.open(entry); });
  }

  Dice dice_{320};
  SmallRepository repo_;
  Bytes disk_;
  std::shared_ptr<ReadStore> store_;
  std::vector<BlockEntry> entries_;
};

TEST_F(ReadStoreOf, OpensAnyBlock) {
  for (int i = 0; i < 400; i++) {
    const size_t number = dice_.below(150);
    ASSERT_EQ(*store_->open(entries_[number]), block(number));
  }
  const BlockCache::Counters counters = store_->counters();
  EXPECT_EQ(counters.hits + counters.misses, 400u);
  EXPECT_EQ(counters.blocks, 15u) << "of the memory for 20, a quarter is for buffers";
}

TEST_F(ReadStoreOf, OpensWhatIsAnnounced) {
  for (size_t number = 3; number < 10; number++) EXPECT_TRUE(store_->announce(entries_[number]));
  while (store_->counters().misses < 7) std::this_thread::yield();
  for (size_t number = 3; number < 10; number++) EXPECT_EQ(*store_->open(entries_[number]), block(number));
  EXPECT_EQ(store_->counters().misses, 7u);
  EXPECT_EQ(store_->counters().hits, 7u);
  EXPECT_TRUE(store_->announce(entries_[5])) << "it is there already";
  EXPECT_EQ(store_->counters().misses, 7u);
}

TEST_F(ReadStoreOf, TakesSoManyAnnouncementsAndNoMore) {
  // Both its threads hang in a read.
  std::latch hanging(2), go(1);
  std::atomic<int> reads{0};
  BadMedium medium([&](int, off_t, size_t) {
    if (reads++ < 2) {
      hanging.count_down();
      go.wait();
    }
    return 0;
  });
  EXPECT_TRUE(store_->announce(entries_[0]));
  EXPECT_TRUE(store_->announce(entries_[1]));
  hanging.wait();
  size_t taken = 2;
  while (taken < 150 && store_->announce(entries_[taken])) taken++;
  EXPECT_EQ(taken, 2u + 64u);
  EXPECT_FALSE(store_->announce(entries_[149]));
  // Others are not held up.
  EXPECT_EQ(*store_->open(entries_[149]), block(149));
  std::thread waiting([&] { EXPECT_EQ(*store_->open(entries_[0]), block(0)); });
  while (store_->counters().hits == 0) std::this_thread::yield();
  go.count_down();
  waiting.join();
  for (size_t number = 0; number < 150; number++) ASSERT_EQ(*store_->open(entries_[number]), block(number));
  store_.reset();  // before the medium
}

TEST_F(ReadStoreOf, EndsWithAnnouncementsLeft) {
  const BlockCache::Block held = store_->open(entries_[149]);
  std::latch hanging(2), go(1);
  std::atomic<int> reads{0};
  BadMedium medium([&](int, off_t, size_t) {
    if (reads++ < 2) {
      hanging.count_down();
      go.wait();
    }
    return 0;
  });
  for (size_t number = 0; number < 60; number++) store_->announce(entries_[number]);
  hanging.wait();
  std::thread ends([&] { store_.reset(); });
  go.count_down();
  ends.join();
  EXPECT_EQ(*held, block(149));
}

TEST_F(ReadStoreOf, AFailedAnnouncementIsAFailedReadLater) {
  {
    const BadMedium medium([](int, off_t, size_t) { return EIO; });
    store_->announce(entries_[7]);
    while (store_->counters().misses < 1) std::this_thread::yield();
    EXPECT_EQ(code(*store_, entries_[7]), "PACK_READ");
  }
  EXPECT_EQ(*store_->open(entries_[7]), block(7)) << "a failure is not kept";
  EXPECT_EQ(store_->counters().blocks, 1u);
}

TEST_F(ReadStoreOf, FailsForADamagedFrameOnly) {
  {
    const Flipped damage(pack_path(repo_, *store_, entries_[20]), entries_[20].offset + entries_[20].length - 1);
    for (int round = 0; round < 2; round++) {
      EXPECT_EQ(code(*store_, entries_[20]), "FRAME_DAMAGED");
      for (const size_t number : {0, 19, 21, 149}) EXPECT_EQ(*store_->open(entries_[number]), block(number));
    }
  }
  EXPECT_EQ(*store_->open(entries_[20]), block(20)) << "it was put right";
}

TEST_F(ReadStoreOf, FailsForALostPack) {
  std::filesystem::remove(pack_path(repo_, *store_, entries_[5]));
  EXPECT_EQ(code(*store_, entries_[5]), "PACK_MISSING");
}

// One map's mistake is not hidden by another that is right.
TEST_F(ReadStoreOf, FailsForAnotherBlockAtThePlaceAlsoWhenThatOneIsOpen) {
  BlockEntry wrong = entries_[9];
  wrong.check ^= 1;
  EXPECT_EQ(*store_->open(entries_[9]), block(9));
  EXPECT_EQ(code(*store_, wrong), "FRAME_DAMAGED");
  EXPECT_EQ(*store_->open(entries_[9]), block(9));
}

TEST_F(ReadStoreOf, FailsForPlacesThatCannotBe) {
  BlockEntry entry = entries_[9];
  entry.length = kFrameHeader + 4097;
  entry.check++;
  EXPECT_EQ(code(*store_, entry), "MAP_DAMAGED");
  entry.length = 200;
  entry.offset = UINT32_MAX - 200;
  EXPECT_EQ(code(*store_, entry), "PACK_READ") << "past the end of the pack";
  entry.pack = 99;
  EXPECT_EQ(code(*store_, entry), "SPOOL_READ") << "no such pack";
  // A block of another size.
  const LooseBlock small = put_block(repo_, Bytes(512, 'x'), 1);
  EXPECT_EQ(code(*store_, {store_->packs().number(small.pack), small.place.offset, small.place.length, 0, small.place.check}), "FRAME_DAMAGED");
}

TEST_F(ReadStoreOf, ServesManyThreads) {
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 6; i++)
    threads.emplace_back([&, i] {
      Dice dice(330 + i);
      for (int round = 0; round < 300; round++) {
        const size_t number = dice.below(150);
        for (size_t next = number + 1; next < std::min<size_t>(number + dice.below(10), 150); next++) store_->announce(entries_[next]);
        ASSERT_EQ(*store_->open(entries_[number]), block(number));
      }
    });
  for (std::thread& it : threads) it.join();
}

}  // namespace
}  // namespace strata::test
