#include <gtest/gtest.h>

#include <sys/stat.h>

#include <thread>

#include "code_of.h"
#include "random_disk.h"
#include "small_repository.h"

namespace strata::test {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    out = Fd(ends[0]);
    in = Fd(ends[1]);
  }
  Fd out, in;
};

BackupOptions stream_options(SmallRepository& repo, int fd) {
  BackupOptions out = repo.options("a pipe", 0);
  out.fd = fd;
  out.kind = SourceKind::stream;
  return out;
}

// Written in pieces of all sizes, as programs do.
BackupOutcome backup_through_pipe(SmallRepository& repo, const Bytes& disk, uint64_t seed) {
  Pipe pipe;
  std::thread writer([&] {
    Dice dice(seed);
    for (size_t at = 0; at < disk.size();) {
      const size_t wanted = std::min(disk.size() - at, dice.between(1, 90'000));
      const ssize_t put = write(pipe.in.get(), disk.data() + at, wanted);
      if (put < 0) break;
      at += static_cast<size_t>(put);
    }
    pipe.in.reset();
  });
  const BackupOutcome outcome = repo.run(stream_options(repo, pipe.out.get()));
  writer.join();
  return outcome;
}

TEST(BackupOfAStream, IsReadToItsEndWhateverItsSize) {
  Dice dice(100);
  for (const size_t size : {0, 1, 4095, 4096, 4097, 1 << 20, (1 << 20) + 1, 3'333'333}) {
    SmallRepository repo;
    Bytes disk = random_disk(dice, size);
    for (int point = 0; point < 2; point++) {
      const BackupOutcome outcome = backup_through_pipe(repo, disk, size + 1);
      EXPECT_EQ(outcome.size, disk.size());
      EXPECT_EQ(outcome.bytes_read, disk.size());
      EXPECT_EQ(outcome.root, repo.root_of(disk));
      repo.commit(outcome);
      EXPECT_EQ(repo.verify(disk.size()).root, outcome.root);
      change(dice, disk);
    }
  }
}

TEST(BackupOfAStream, ThatNeverEndsCanBeCancelled) {
  SmallRepository repo;
  Pipe pipe;
  Backup backup(stream_options(repo, pipe.out.get()), [](const FinishedPack&) {});
  BackupOutcome outcome;
  std::thread run([&] { outcome = backup.run(); });
  backup.cancel();
  run.join();
  EXPECT_TRUE(outcome.cancelled);
}

TEST(BackupOfAStream, FromANamedPipeThatNobodyWritesToCanBeCancelled) {
  SmallRepository repo;
  const std::string path = repo.folder / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  BackupOptions options = stream_options(repo, -1);
  options.source = path;
  Backup backup(std::move(options), [](const FinishedPack&) {});
  BackupOutcome outcome;
  std::thread run([&] { outcome = backup.run(); });
  backup.cancel();
  run.join();
  EXPECT_TRUE(outcome.cancelled);
}

TEST(BackupOfAStream, FromANamedPipeIsReadToItsEnd) {
  Dice dice(101);
  SmallRepository repo;
  const std::string path = repo.folder / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const Bytes disk = dice.bytes(2'000'000);
  BackupOptions options = stream_options(repo, -1);
  options.source = path;
  std::thread writer([&] {
    const Fd fd = open_file(path, O_WRONLY, "IO");
    for (size_t at = 0; at < disk.size();) at += static_cast<size_t>(write(fd.get(), disk.data() + at, disk.size() - at));
  });
  const BackupOutcome outcome = repo.run(std::move(options));
  writer.join();
  EXPECT_EQ(outcome.root, repo.root_of(disk));
}

TEST(BackupOfAStream, ThatCannotBeReadFails) {
  SmallRepository repo;
  const Fd folder = open_file(repo.folder.path(), O_RDONLY | O_DIRECTORY, "IO");
  EXPECT_EQ(code_of([&] { repo.run(stream_options(repo, folder.get())); }), "SOURCE_READ");
}

}  // namespace
}  // namespace strata::test
