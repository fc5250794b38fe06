#include "file_source.h"

#include <gtest/gtest.h>

#include "code_of.h"
#include "medium.h"
#include "random_disk.h"
#include "small_repository.h"

namespace strata::test {
namespace {

class SourceFile : public testing::Test {
 protected:
  std::vector<std::pair<uint64_t, uint64_t>> data_ranges(Source& source, uint64_t size) {
    std::vector<std::pair<uint64_t, uint64_t>> out;
    for (Range it = source.next_data(0); it.length > 0; it = source.next_data(it.offset + it.length)) out.emplace_back(it.offset, it.length);
    EXPECT_EQ(source.next_data(size).length, 0u);
    return out;
  }

  TempFolder folder_;
  SmallRepository repo_;
  Control control_;
};

TEST_F(SourceFile, TellsItsHoles) {
  Bytes disk(1 << 20);
  disk[300'000] = disk[700'000] = 1;
  const std::string path = repo_.put_image(disk);
  FileSource source(path, -1, SourceKind::file, disk.size(), control_);
  uint64_t data = 0;
  std::set<uint64_t> covered;
  for (const auto& [offset, length] : data_ranges(source, disk.size())) {
    data += length;
    for (const uint64_t at : {300'000, 700'000})
      if (at >= offset && at < offset + length) covered.insert(at);
  }
  EXPECT_EQ(covered.size(), 2u);
  EXPECT_LT(data, disk.size() / 2) << "holes are told from data";
}

TEST_F(SourceFile, ReadsUpToTheSizeThatWasGiven) {
  const Bytes disk(10'000, 'x');
  const std::string path = repo_.put_image(disk);
  FileSource source(path, -1, SourceKind::file, 6000, control_);  // the file grew since
  EXPECT_EQ(data_ranges(source, 6000), (std::vector<std::pair<uint64_t, uint64_t>>{{0, 6000}}));
  FileSource beyond(repo_.put_image(Bytes(20'000)), -1, SourceKind::file, 6000, control_);
  EXPECT_EQ(beyond.next_data(0).length, 0u);
}

TEST_F(SourceFile, ThatIsShorterThanItWasIsRefused) {
  for (const bool holes : {true, false}) {
    const std::string path = repo_.put_image(holes ? Bytes(50'000) : Bytes(50'000, 'x'));
    FileSource source(path, -1, SourceKind::file, 100'000, control_);
    EXPECT_EQ(code_of([&] { data_ranges(source, 100'000); }), "SOURCE_SIZE_CHANGED") << "a missing end is no hole";
  }
  const std::string path = repo_.put_image(Bytes(50'000, 'x'));
  FileSource source(path, -1, SourceKind::file, 100'000, control_);
  Bytes buffer(20'000);
  std::vector<Range> unreadable;
  EXPECT_EQ(code_of([&] { source.read(40'000, 20'000, buffer.data(), unreadable); }), "SOURCE_SIZE_CHANGED");
}

TEST_F(SourceFile, ThatShrinksIsNotBackedUp) {
  Dice dice(130);
  for (const size_t left : {0, 1, 4096, 1 << 20, 2'999'999}) {
    BackupOptions options = repo_.options(repo_.put_image(dice.bytes(3'000'000)), 3'000'000);
    std::filesystem::resize_file(options.source, left);
    EXPECT_EQ(code_of([&] { repo_.run(std::move(options)); }), "SOURCE_SIZE_CHANGED") << left;
  }
}

TEST_F(SourceFile, ThatShrinksWhileItIsReadFailsTheRun) {
  Dice dice(133);
  for (const bool tail_is_hole : {false, true}) {
    Bytes disk = dice.bytes(6'000'000);
    if (tail_is_hole) std::fill(disk.begin() + 3'000'000, disk.end(), 0);
    const std::string path = repo_.put_image(disk);
    BackupOptions options = repo_.options(path, disk.size());
    options.threads = 1;
    std::atomic<int> reads{0};
    const BadMedium medium([&](int, off_t, size_t count) {
      if (count >= 1 << 20 && ++reads == 2) std::filesystem::resize_file(path, 5'000'000);
      return 0;
    });
    EXPECT_EQ(code_of([&] { repo_.run(std::move(options)); }), "SOURCE_SIZE_CHANGED") << tail_is_hole;
  }
}

TEST_F(SourceFile, ThatGrowsWhileItIsReadIsBackedUpAsItWas) {
  Dice dice(134);
  const Bytes disk = dice.bytes(4'000'000);
  const std::string path = repo_.put_image(disk);
  std::atomic<bool> grown{false};
  const BadMedium medium([&](int, off_t, size_t) {
    if (!grown.exchange(true)) write_at(open_file(path, O_WRONLY, "IO").get(), disk, disk.size(), "IO", path);
    return 0;
  });
  EXPECT_EQ(repo_.run(repo_.options(path, disk.size())).root, repo_.root_of(disk));
}

TEST_F(SourceFile, ThatIsAFolderOrNotThereFails) {
  EXPECT_EQ(code_of([&] { repo_.run(repo_.options(repo_.folder / "none", 4096)); }), "SOURCE_OPEN");
  EXPECT_EQ(code_of([&] { repo_.run(repo_.options(repo_.folder.path(), 4096)); }), "SOURCE_READ");
}

TEST_F(SourceFile, OfAnOpenDescriptorIsReadThroughItAndStaysOpen) {
  Dice dice(131);
  const Bytes disk = random_disk(dice, 300'000);
  const std::string path = repo_.put_image(disk);
  const Fd fd = open_file(path, O_RDONLY, "IO");
  std::filesystem::remove(path);
  BackupOptions options = repo_.options("gone", disk.size());
  options.fd = fd.get();
  EXPECT_EQ(repo_.run(std::move(options)).root, repo_.root_of(disk));
  EXPECT_GE(fcntl(fd.get(), F_GETFD), 0);
}

// A file read as a device is: direct where the file system allows it, and with the same bytes where it does not.
TEST_F(SourceFile, ReadAsADeviceGivesTheSameBytes) {
  Dice dice(132);
  for (const size_t size : {1, 511, 512, 4096, 5 * 4096 + 512, 3'000'123}) {
    repo_.chain.clear();
    const Bytes disk = dice.bytes(size);
    repo_.backup(disk, [](BackupOptions& it) { it.kind = SourceKind::device; });
  }
}

}  // namespace
}  // namespace strata::test
