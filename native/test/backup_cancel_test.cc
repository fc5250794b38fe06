// Cancelled at any moment, a backup ends soon, keeps the frames it has stored, and the next run goes on from there.
#include "random_disk.h"
#include "slow_store.h"

namespace strata::test {
namespace {

TEST(CancelledBackup, IsGoneOnWith) {
  Dice dice(150);
  SmallRepository repo;
  Bytes disk = dice.bytes(4'000'000);
  size_t cancelled = 0;
  uint64_t saved = 0;
  for (int i = 0; i < 15; i++) {
    BackupOptions options = repo.options(repo.put_image(disk), disk.size());
    options.threads = static_cast<unsigned>(dice.between(1, 6));
    options.pack_size = 100'000;
    if (dice.chance(30)) options.rate_limit = 1'000'000'000;
    SlowStore store;
    RunningBackup backup(std::move(options), store);
    // After some packs, or at some time between them.
    const uint64_t packs = dice.below(20), turns = dice.below(3000);
    if (dice.chance(50)) {
      for (uint64_t turn = 0; turn < turns; turn++) std::this_thread::yield();
      backup->cancel();
    }
    while (const auto pack = store.next()) {
      if (pack->sequence == packs) backup->cancel();
      repo.store(*pack);
      backup->pack_stored();
    }
    ASSERT_EQ(backup.code(), "no error");
    cancelled += backup.outcome().cancelled;

    const BackupOutcome next = repo.backup(disk);
    saved += disk.size() - next.bytes_new;
    ASSERT_TRUE(repo.verify(disk.size()).damage.empty());
    repo.chain.clear();
    // Content that no pack has.
    disk = dice.bytes(4'000'000);
  }
  EXPECT_GT(cancelled, 5u);
  EXPECT_GT(saved, 0u) << "what a cancelled run stored is used";
}

TEST(CancelledBackup, EndsWhileItWaitsForItsRate) {
  Dice dice(151);
  SmallRepository repo(65536);
  const Bytes disk = dice.bytes(4'000'000);
  BackupOptions options = repo.options(repo.put_image(disk), disk.size());
  options.rate_limit = 1;  // a piece each twelve days
  SlowStore store;
  RunningBackup backup(std::move(options), store);
  while (backup->progress().bytes_read == 0) std::this_thread::yield();
  backup->cancel();
  while (store.next()) backup->pack_stored();
  EXPECT_EQ(backup.code(), "no error");
  EXPECT_TRUE(backup.outcome().cancelled);
  EXPECT_LT(backup.outcome().bytes_read, disk.size());
}

TEST(CancelledBackup, ThatHasNotBegunReadsNothing) {
  SmallRepository repo;
  const Bytes disk(100'000, 'x');
  Backup backup(repo.options(repo.put_image(disk), disk.size()), [](const FinishedPack&) {});
  backup.cancel();
  const BackupOutcome outcome = backup.run();
  EXPECT_TRUE(outcome.cancelled);
  EXPECT_EQ(outcome.bytes_read, 0u);
}

}  // namespace
}  // namespace strata::test
