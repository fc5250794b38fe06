// The talk between a backup and the store: packs are given out one after the other and answered for, in time, late, badly, or never.
#include "random_disk.h"
#include "slow_store.h"

namespace strata::test {
namespace {

class BackupPacks : public testing::Test {
 protected:
  BackupPacks() : disk_(dice_.bytes(6'000'000)) {}

  BackupOptions options() {
    BackupOptions out = repo_.options(repo_.put_image(disk_), disk_.size());
    out.pack_size = 300'000;
    return out;
  }

  Dice dice_{140};
  SmallRepository repo_{65536};
  Bytes disk_;
};

TEST_F(BackupPacks, OnlyAFewAreUnansweredAtATime) {
  SlowStore store;
  RunningBackup backup(options(), store);
  uint32_t packs = 0;
  std::set<PackId> ids;
  while (const auto pack = store.next()) {
    EXPECT_EQ(pack->sequence, packs++);
    EXPECT_EQ(pack->bytes, std::filesystem::file_size(pack->path));
    ids.insert(pack->id);
    repo_.store(*pack);
    backup->pack_stored();
  }
  EXPECT_EQ(backup.code(), "no error");
  EXPECT_LE(store.most(), 3u);
  EXPECT_GT(packs, 10u);
  EXPECT_EQ(ids.size(), packs);
  repo_.commit(backup.outcome());
  EXPECT_TRUE(repo_.verify(disk_.size()).damage.empty());
}

TEST_F(BackupPacks, OneThatCannotBeStoredFailsTheRun) {
  for (const uint32_t bad : {0u, 1u, 7u}) {
    SlowStore store;
    RunningBackup backup(options(), store);
    while (const auto pack = store.next()) pack->sequence == bad ? backup->pack_failed() : backup->pack_stored();
    EXPECT_EQ(backup.code(), "PACK_STORE_FAILED");
  }
}

TEST_F(BackupPacks, TheLastOneThatCannotBeStoredFailsTheRunToo) {
  disk_.resize(100'000);
  SlowStore store;
  RunningBackup backup(options(), store);
  while (store.next()) backup->pack_failed();
  EXPECT_EQ(backup.code(), "PACK_STORE_FAILED");
}

TEST_F(BackupPacks, AListenerThatThrowsFailsTheRun) {
  for (const uint32_t bad : {0u, 5u}) {
    Backup* running = nullptr;
    Backup backup(options(), [&](const FinishedPack& pack) {
      if (pack.sequence == bad) throw Error("IO", "no listener");
      running->pack_stored();
    });
    running = &backup;
    EXPECT_EQ(code_of([&] { backup.run(); }), "IO");
  }
}

TEST_F(BackupPacks, AFailureWaitsForTheAnswers) {
  BackupOptions options = this->options();
  std::filesystem::resize_file(options.source, 4'000'000);
  SlowStore store;
  RunningBackup backup(std::move(options), store);
  while (store.next()) backup->pack_stored();  // which also checks that none comes after the end
  EXPECT_EQ(backup.code(), "SOURCE_SIZE_CHANGED");
}

TEST_F(BackupPacks, ACancelledRunEndsWhenTheyAreAnswered) {
  SlowStore store;
  RunningBackup backup(options(), store);
  store.wait_for(3);
  backup->cancel();
  while (store.next()) backup->pack_stored();
  EXPECT_EQ(backup.code(), "no error");
  EXPECT_TRUE(backup.outcome().cancelled);
}

TEST_F(BackupPacks, AnAbandonedRunEndsWithoutAnswers) {
  for (const bool cancelled : {false, true}) {
    SlowStore store;
    RunningBackup backup(options(), store);
    store.wait_for(3);
    if (cancelled) backup->cancel();
    backup->abandon();
    EXPECT_EQ(backup.code(), "no error");
    EXPECT_TRUE(backup.outcome().cancelled);
  }
}

}  // namespace
}  // namespace strata::test
