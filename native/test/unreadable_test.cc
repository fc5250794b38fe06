// Disks with unreadable places: what can be read is, what cannot is named to the sector and stands as zeros, and the run goes on.
#include "code_of.h"
#include "medium.h"
#include "random_disk.h"
#include "small_repository.h"

namespace strata::test {
namespace {

constexpr size_t kSector = 512;

class Unreadable : public testing::Test {
 protected:
  Unreadable() : disk_(dice_.bytes(1'000'000)) {
    path_ = repo_.put_image(disk_);
    struct stat facts;
    stat(path_.c_str(), &facts);
    inode_ = facts.st_ino;
  }

  bool is_source(int fd) const {
    struct stat facts;
    return fstat(fd, &facts) == 0 && facts.st_ino == inode_;
  }

  // Fails with `error` wherever a bad sector is read.
  ReadFault bad_sectors(std::set<uint64_t> sectors, int error = EIO) const {
    return [this, sectors = std::move(sectors), error](int fd, off_t offset, size_t count) {
      const auto next = sectors.lower_bound(static_cast<uint64_t>(offset) / kSector);
      return next != sectors.end() && *next * kSector < static_cast<uint64_t>(offset) + count && is_source(fd) ? error : 0;
    };
  }

  // The disk as a backup sees it: zeros where it cannot be read.
  Bytes without(const std::set<uint64_t>& sectors) const {
    Bytes out = disk_;
    for (const uint64_t it : sectors) std::fill_n(out.begin() + static_cast<ptrdiff_t>(it * kSector), std::min<size_t>(kSector, out.size() - it * kSector), 0);
    return out;
  }

  Dice dice_{170};
  SmallRepository repo_{65536};
  Bytes disk_;
  std::string path_;
  ino_t inode_ = 0;
};

TEST_F(Unreadable, SectorsAreNamedAndZero) {
  for (const SourceKind kind : {SourceKind::file, SourceKind::device}) {
    // The first, neighbours across two blocks (which two threads read), a lone one, and the last, which is short.
    const std::set<uint64_t> sectors = {0, 127, 128, 129, 700, disk_.size() / kSector};
    BackupOptions options = repo_.options(path_, disk_.size());
    options.kind = kind;
    const BadMedium medium(bad_sectors(sectors));
    const BackupOutcome outcome = repo_.run(std::move(options));
    EXPECT_EQ(outcome.root, repo_.root_of(without(sectors)));
    std::vector<std::pair<uint64_t, uint64_t>> named;
    for (const Range& it : outcome.unreadable) named.emplace_back(it.offset, it.length);
    EXPECT_EQ(named, (std::vector<std::pair<uint64_t, uint64_t>>{{0, 512}, {127 * 512, 3 * 512}, {700 * 512, 512}, {disk_.size() / 512 * 512, disk_.size() % 512}}));
  }
}

TEST_F(Unreadable, AllOfADisk) {
  const BadMedium medium([this](int fd, off_t, size_t) { return is_source(fd) ? ENODATA : 0; });
  const BackupOutcome outcome = repo_.run(repo_.options(path_, disk_.size()));
  ASSERT_EQ(outcome.unreadable.size(), 1u);
  EXPECT_EQ(outcome.unreadable[0].length, disk_.size());
  EXPECT_EQ(outcome.bytes_new, 0u);
}

TEST_F(Unreadable, PlacesThatCanBeReadInTheEndAreFine) {
  std::atomic<int> left{3};
  const BadMedium medium([&](int fd, off_t, size_t) { return is_source(fd) && left-- > 0 ? EIO : 0; });
  BackupOptions options = repo_.options(path_, disk_.size());
  options.threads = 1;
  const BackupOutcome outcome = repo_.run(std::move(options));
  EXPECT_TRUE(outcome.unreadable.empty());
  EXPECT_EQ(outcome.root, repo_.root_of(disk_));
}

TEST_F(Unreadable, ADeviceThatIsGoneFailsTheRun) {
  for (const int error : {ENXIO, ENODEV, ESTALE}) {
    const BadMedium medium(bad_sectors({300}, error));
    EXPECT_EQ(code_of([&] { repo_.run(repo_.options(path_, disk_.size())); }), "SOURCE_READ");
  }
}

TEST_F(Unreadable, CancellingDoesNotWaitForTheTries) {
  std::atomic<size_t> tries{0};
  BackupOptions options = repo_.options(path_, disk_.size());
  options.threads = 1;
  Backup* running = nullptr;
  const BadMedium medium([&](int fd, off_t, size_t) {
    if (!is_source(fd)) return 0;
    if (++tries == 5) running->cancel();
    return EIO;
  });
  Backup backup(std::move(options), [](const FinishedPack&) {});
  running = &backup;
  EXPECT_TRUE(backup.run().cancelled);
  EXPECT_LE(tries, 6u);
}

// Some devices accept to be opened for direct reading and then refuse to be read so.
TEST_F(Unreadable, DirectlyOnlyIsReadThroughTheCache) {
  std::atomic<size_t> refused{0};
  const BadMedium medium([&](int fd, off_t, size_t) {
    if ((fcntl(fd, F_GETFL) & O_DIRECT) == 0 || !is_source(fd)) return 0;
    refused++;
    return EINVAL;
  });
  BackupOptions options = repo_.options(path_, disk_.size());
  options.kind = SourceKind::device;
  const BackupOutcome outcome = repo_.run(std::move(options));
  EXPECT_EQ(outcome.root, repo_.root_of(disk_));
  EXPECT_FALSE(outcome.direct);
  EXPECT_TRUE(outcome.unreadable.empty());
}

}  // namespace
}  // namespace strata::test
