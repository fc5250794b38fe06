#include "restore.h"

#include <sys/resource.h>

#include <csignal>

#include "code_of.h"
#include "random_disk.h"
#include "small_repository.h"

namespace strata::test {
namespace {

class RestoreTo : public testing::Test {
 protected:
  // A chain of some points; `disk_` is the newest.
  void SetUp() override {
    disk_ = random_disk(dice_, 2'500'000);
    for (int i = 0; i < 3; i++) {
      change(dice_, disk_);
      disk_.resize(2'400'000 + 512 * dice_.below(1000));
      repo_.backup(disk_);
    }
  }

  // A target that holds `content`, open.
  Fd target(const Bytes& content) {
    path_ = repo_.put_image(content, "target");
    return open_file(path_, O_RDWR, "IO");
  }

  Bytes found() const {
    Bytes out(std::filesystem::file_size(path_));
    read_exact(open_file(path_, O_RDONLY, "IO").get(), out, 0, "IO", path_);
    return out;
  }

  RestoreProgress run(RestoreOptions options) {
    Restore restore(std::move(options));
    EXPECT_TRUE(restore.run());
    return restore.progress();
  }

  // The disk with some places different, and garbage in its holes.
  Bytes disturbed() {
    Bytes out = disk_;
    for (int i = 0; i < 20; i++) scribble(dice_, out, dice_.below(out.size()), dice_.between(1, 30'000));
    return out;
  }

  Dice dice_{110};
  SmallRepository repo_;
  Bytes disk_;
  std::string path_;
};

TEST_F(RestoreTo, AFreshFile) {
  for (const bool sparse : {true, false}) {
    Fd fd = target(Bytes(disk_.size()));
    RestoreOptions options = repo_.restore_options(fd.get(), disk_.size());
    options.sparse = sparse;
    const RestoreProgress progress = run(std::move(options));
    EXPECT_EQ(found(), disk_);
    EXPECT_EQ(progress.position, disk_.size());
  }
}

TEST_F(RestoreTo, AFileWithOtherContent) {
  for (const bool sparse : {true, false})
    for (const unsigned threads : {1, 4}) {
      Fd fd = target(dice_.bytes(disk_.size()));
      RestoreOptions options = repo_.restore_options(fd.get(), disk_.size());
      options.mode = RestoreMode::overwrite;
      options.sparse = sparse;
      options.threads = threads;
      EXPECT_EQ(run(std::move(options)).position, disk_.size());
      EXPECT_EQ(found(), disk_);
    }
}

TEST_F(RestoreTo, AFileThatDiffersInPlaces) {
  for (const bool sparse : {true, false}) {
    Fd fd = target(disturbed());
    RestoreOptions options = repo_.restore_options(fd.get(), disk_.size());
    options.mode = RestoreMode::delta;
    options.sparse = sparse;
    const RestoreProgress progress = run(options);
    EXPECT_EQ(found(), disk_);
    EXPECT_EQ(progress.bytes_written + progress.bytes_skipped, disk_.size());
    EXPECT_GT(progress.bytes_skipped, disk_.size() / 4);

    const RestoreProgress again = run(options);
    EXPECT_EQ(again.bytes_written, 0u) << "nothing differs any more";
    EXPECT_EQ(again.bytes_skipped, disk_.size());
    EXPECT_EQ(found(), disk_);
  }
}

TEST_F(RestoreTo, AFileThatGetsAPartOfTheDisk) {
  for (int i = 0; i < 40; i++) {
    const uint64_t sectors = disk_.size() / 512, from = dice_.below(sectors), length = dice_.below(sectors - from + 1);
    const auto mode = std::array{RestoreMode::fresh, RestoreMode::overwrite, RestoreMode::delta}[static_cast<size_t>(i % 3)];
    const Bytes wanted(disk_.begin() + static_cast<ptrdiff_t>(from * 512), disk_.begin() + static_cast<ptrdiff_t>((from + length) * 512));
    Bytes there = wanted;
    if (!there.empty()) scribble(dice_, there, dice_.below(there.size()), 20'000);
    Fd fd = target(mode == RestoreMode::fresh ? Bytes(wanted.size()) : mode == RestoreMode::delta ? there : dice_.bytes(wanted.size()));
    RestoreOptions options = repo_.restore_options(fd.get(), disk_.size());
    options.mode = mode;
    options.from = from * 512;
    options.length = length * 512;
    run(std::move(options));
    ASSERT_TRUE(found() == wanted) << from << "+" << length;
  }
}

TEST_F(RestoreTo, AFileAsSparseAsTheDisk) {
  Bytes disk(64 << 20);
  disk[10 << 20] = 1;
  repo_.chain.clear();
  repo_.backup(disk);
  Fd fd = target(Bytes(disk.size()));
  run(repo_.restore_options(fd.get(), disk.size()));
  struct stat facts;
  ASSERT_EQ(fstat(fd.get(), &facts), 0);
  EXPECT_LE(facts.st_blocks * 512, 1 << 20);
}

TEST_F(RestoreTo, ATargetThatCannotBeWrittenFails) {
  target(Bytes(disk_.size()));
  const Fd readable = open_file(path_, O_RDONLY, "IO");
  EXPECT_EQ(code_of([&] { run(repo_.restore_options(readable.get(), disk_.size())); }), "TARGET_WRITE");
}

TEST_F(RestoreTo, ATargetWithoutRoomSaysSo) {
  // A file of limited size stands for a full disk: the failed write's errno must reach the caller.
  Fd fd = target({});
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {100'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  int system = 0;
  std::string code;
  try {
    Restore(repo_.restore_options(fd.get(), disk_.size())).run();
  } catch (const Error& error) {
    system = error.system();
    code = error.code();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old);
  EXPECT_EQ(code, "TARGET_WRITE");
  EXPECT_EQ(system, EFBIG);
}

TEST_F(RestoreTo, AnyFileFailsWhenAPackIsGoneOrDamaged) {
  std::vector<std::string> packs;
  for (const auto& it : std::filesystem::recursive_directory_iterator(repo_.packs()))
    if (it.is_regular_file()) packs.push_back(it.path());
  Fd fd = target(Bytes(disk_.size()));
  std::filesystem::rename(packs[0], packs[0] + ".away");
  EXPECT_EQ(code_of([&] { run(repo_.restore_options(fd.get(), disk_.size())); }), "PACK_MISSING");
  std::filesystem::rename(packs[0] + ".away", packs[0]);
  const Bytes garbage = dice_.bytes(5000);
  write_at(open_file(packs[0], O_WRONLY, "IO").get(), garbage, 16, "IO", "");
  EXPECT_EQ(code_of([&] { run(repo_.restore_options(fd.get(), disk_.size())); }), "FRAME_DAMAGED");
}

// Both name two blocks, but not the same two.
TEST_F(RestoreTo, AFileThatDiffersNeedsColumnsThatFitTogether) {
  FrameCodec codec(repo_.vault);
  ColumnWriter<Location> location(repo_.folder / "other.loc", codec);
  ColumnWriter<BlockDigest> digest(repo_.folder / "other.dig", codec);
  for (const uint64_t block : {1, 2}) location.data(block, {0, 16, 100, 0});
  for (const uint64_t block : {2, 3}) digest.data(block, BlockDigest{{1}, {2}});
  repo_.chain = {Layer{location.finish({PackId{}}), digest.finish({}), 4}};
  Fd fd = target(Bytes(4 * 4096));
  RestoreOptions options = repo_.restore_options(fd.get(), 4 * 4096);
  options.mode = RestoreMode::delta;
  EXPECT_EQ(code_of([&] { run(std::move(options)); }), "MAP_DAMAGED");
}

// A hostile map could otherwise make us reserve a quarter of a gigabyte for each block.
TEST_F(RestoreTo, AFileNeedsFramesOfAPossibleLength) {
  FrameCodec codec(repo_.vault);
  ColumnWriter<Location> location(repo_.folder / "other.loc", codec);
  ColumnWriter<BlockDigest> digest(repo_.folder / "other.dig", codec);
  for (uint32_t block = 0; block < 64; block++) {
    location.data(block, {0, 16 + block, static_cast<uint32_t>(kFrameHeader + kMaxRaw), 0});
    digest.data(block, BlockDigest{{1}, {2}});
  }
  repo_.chain = {Layer{location.finish({PackId{}}), digest.finish({}), 64}};
  Fd fd = target(Bytes(64 * 4096));
  EXPECT_EQ(code_of([&] { run(repo_.restore_options(fd.get(), 64 * 4096)); }), "MAP_DAMAGED");
  const VerifyOutcome verified = repo_.verify(64 * 4096);
  ASSERT_EQ(verified.damage.size(), 1u);
  EXPECT_EQ(verified.damage[0].code, "MAP_DAMAGED");
  EXPECT_EQ(verified.damage[0].length, 64u * 4096);
}

TEST_F(RestoreTo, AFileCanBeCancelled) {
  Fd fd = target(Bytes(disk_.size()));
  Restore restore(repo_.restore_options(fd.get(), disk_.size()));
  restore.cancel();
  EXPECT_FALSE(restore.run());
}

}  // namespace
}  // namespace strata::test
