// Packs whose blocks are shared with the packs that they were copied from, on file systems that can.
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "code_of.h"
#include "loop_file_system.h"
#include "random_disk.h"
#include "synthesized.h"
#include "tiny_folder.h"

namespace strata::test {
namespace {

// Bytes of a file that lie in extents which another file has too.
uint64_t shared_bytes(const std::string& path) {
  const Fd fd = open_file(path, O_RDONLY, "IO");
  uint64_t out = 0, at = 0;
  while (true) {
    constexpr uint32_t kExtents = 64;
    Bytes memory(sizeof(fiemap) + kExtents * sizeof(fiemap_extent));
    auto* const map = reinterpret_cast<fiemap*>(memory.data());
    map->fm_start = at;
    map->fm_length = FIEMAP_MAX_OFFSET - at;
    map->fm_flags = FIEMAP_FLAG_SYNC;
    map->fm_extent_count = kExtents;
    if (ioctl(fd.get(), FS_IOC_FIEMAP, map) != 0) throw Error("IO", "no map of " + path, errno, path);
    for (uint32_t i = 0; i < map->fm_mapped_extents; i++) {
      const fiemap_extent& it = map->fm_extents[i];
      if ((it.fe_flags & FIEMAP_EXTENT_SHARED) != 0) out += it.fe_length;
      at = it.fe_logical + it.fe_length;
      if ((it.fe_flags & FIEMAP_EXTENT_LAST) != 0) return out;
    }
    if (map->fm_mapped_extents == 0) return out;
  }
}

struct Kind {
  const char *name, *make;
};

class Reflink : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    system_.emplace(GetParam().make);
    if (!*system_) GTEST_SKIP() << "no " << GetParam().name << " can be mounted here";
    place_.emplace(system_->path());
    repo_ = std::make_unique<SmallRepository>(65536);
    // What does not shrink, what shrinks a lot, holes, and a second point that is scattered over the first.
    disk_ = dice_.bytes(20'000'000);
    for (size_t at = 5'000'000; at < 8'000'000; at++) disk_[at] = "strata "[at % 7 * dice_.below(2)];
    std::fill_n(disk_.begin() + 9'000'000, 2'000'000, 0);
    repo_->backup(disk_);
    for (int i = 0; i < 20; i++) disk_[dice_.below(disk_.size())] ^= 1;
    repo_->backup(disk_);
    old_ = all_packs(*repo_);
  }
  void TearDown() override {
    repo_.reset();
    place_.reset();
    system_.reset();
  }

  struct Result {
    SynthesisOutcome outcome;
    SynthesisProgress progress;
  };
  Result synthesize(Clone clone) {
    SynthesisOptions options = synthesis_options(*repo_, disk_.size(), SynthesisMode::copy);
    options.clone = clone;
    options.pack_size = 4 << 20;
    Synthesis* running = nullptr;
    Synthesis synthesis(std::move(options), [&](const FinishedPack& pack) {
      repo_->store(pack);
      running->pack_stored();
    });
    running = &synthesis;
    const SynthesisOutcome outcome = synthesis.run();
    return {outcome, synthesis.progress()};
  }
  uint64_t shared(const std::vector<PackId>& packs) const {
    uint64_t out = 0;
    for (const PackId& id : packs) out += shared_bytes(PackFolder(repo_->packs()).path(id));
    return out;
  }

  Dice dice_{380};
  std::optional<LoopFileSystem> system_;
  std::optional<TemporaryPlace> place_;
  std::unique_ptr<SmallRepository> repo_;
  Bytes disk_;
  std::vector<PackId> old_;
};
INSTANTIATE_TEST_SUITE_P(, Reflink, testing::Values(Kind{"XFS", "mkfs.xfs -q -m reflink=1"}, Kind{"Btrfs", "mkfs.btrfs -q"}),
                         [](const auto& kind) { return std::string(kind.param.name); });

TEST_P(Reflink, SharesMostBlocksAndCopiesTheRest) {
  for (const Clone clone : {Clone::require, Clone::automatic}) {
    const auto [outcome, progress] = synthesize(clone);
    uint64_t bytes = 0;
    for (const PackedFrame& frame : frames_of(*repo_, outcome.packs)) bytes += frame.length;
    EXPECT_EQ(progress.bytes_cloned + progress.bytes_copied, bytes);
    EXPECT_GT(progress.bytes_cloned, bytes / 100 * 80);
    EXPECT_EQ(shared(outcome.packs), progress.bytes_cloned);
    expect_full_map(*repo_, disk_, outcome);
  }
}

TEST_P(Reflink, WhatIsSharedOutlivesWhereItCameFrom) {
  const auto [outcome, progress] = synthesize(Clone::require);
  EXPECT_GT(progress.bytes_cloned, 0u);
  remove_packs(*repo_, old_);
  expect_full_map(*repo_, disk_, outcome);
}

TEST_P(Reflink, WithoutTheIndexesOfTheirPacksFramesAreKnownByTheirHeaders) {
  for (const PackId& id : old_) {
    const std::string path = PackFolder(repo_->packs()).path(id);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  }
  const auto [outcome, progress] = synthesize(Clone::require);
  EXPECT_GT(progress.bytes_cloned, 0u);
  expect_full_map(*repo_, disk_, outcome);
}

TEST_P(Reflink, AFrameThatItsPackDoesNotNameIsLookedAtAndRefused) {
  const std::vector<PackedFrame> frames = frames_of(*repo_, {old_.front()});
  const std::string path = PackFolder(repo_->packs()).path(old_.front());
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  const Fd fd = open_file(path, O_RDWR, "IO");
  const uint8_t other = 0x55;
  write_at(fd.get(), {&other, 1}, frames[3].offset, "IO", path);
  EXPECT_EQ(code_of([&] { synthesize(Clone::require); }), "FRAME_DAMAGED");
}

TEST_P(Reflink, NothingIsSharedWhenThatIsNotWanted) {
  const auto [outcome, progress] = synthesize(Clone::never);
  EXPECT_EQ(progress.bytes_cloned, 0u);
  EXPECT_EQ(shared(outcome.packs), 0u);
  expect_full_map(*repo_, disk_, outcome);
}

TEST(ReflinkElsewhere, IsRefusedOrCopiedWhereBlocksCannotBeShared) {
  const TinyFolder tmpfs(200 << 20);
  if (!tmpfs) GTEST_SKIP() << "only root may mount";
  const TemporaryPlace place(tmpfs.path());
  SmallRepository repo(65536);
  Dice dice(381);
  const Bytes disk = dice.bytes(5'000'000);
  repo.backup(disk);
  SynthesisOptions options = synthesis_options(repo, disk.size(), SynthesisMode::copy);
  options.clone = Clone::require;
  EXPECT_EQ(code_of([&] { Synthesis(options, [](const FinishedPack&) { FAIL() << "nothing is given out"; }).run(); }), "CLONE_UNSUPPORTED");
  expect_full_map(repo, disk, run_storing<Synthesis>(repo, synthesis_options(repo, disk.size(), SynthesisMode::copy)));
}

}  // namespace
}  // namespace strata::test
