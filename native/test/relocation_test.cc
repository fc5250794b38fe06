// Frames moved out of sparse packs: every point shows the same as before, without those packs.
#include "code_of.h"
#include "random_disk.h"
#include "synthesized.h"

namespace strata::test {
namespace {

// Points of a disk; those of `live` are kept, with the layers that they stand on.
class Relocating : public testing::Test {
 protected:
  struct Point {
    Bytes disk;
    Digest root;
    std::vector<Layer> chain;
  };

  void make(uint64_t seed, int points) {
    dice_ = Dice(seed);
    Bytes disk = random_disk(dice_, 1'000'000);
    for (int i = 0; i < points; i++) {
      const BackupOutcome outcome = repo_.backup(disk, [](BackupOptions& options) { options.pack_size = 100'000; });
      points_.push_back({disk, outcome.root, repo_.chain});
      change(dice_, disk);
    }
  }

  RelocationOptions options(const std::vector<size_t>& live) {
    RelocationOptions out;
    out.vault = repo_.vault;
    out.packs = repo_.packs();
    out.pack_size = 1 << 20;
    out.spool = repo_.folder / "spool";
    out.run_id = next_run(repo_);
    for (const size_t it : live) out.live.push_back(points_[it].chain);
    // The newest chain has the layers of all.
    for (const Layer& it : points_.back().chain) out.columns.push_back(it.location);
    return out;
  }

  // The chain of a point with the columns of the outcome in place of its own.
  std::vector<Layer> moved(size_t point, const RelocationOutcome& outcome) const {
    std::vector<Layer> out = points_[point].chain;
    const size_t newer = points_.back().chain.size() - out.size();
    for (size_t i = 0; i < out.size(); i++) out[i].location = outcome.columns[newer + i];
    return out;
  }

  void expect_shown(size_t point, const RelocationOutcome& outcome) {
    const VerifyOutcome found = Verify({repo_.vault, moved(point, outcome), repo_.packs(), points_[point].disk.size(), repo_.block_size, 100, 0, 3}).run();
    EXPECT_EQ(found.root, points_[point].root);
    EXPECT_TRUE(found.damage.empty()) << "point " << point << ": " << found.damage.size() << " ranges";
  }

  Dice dice_{0};
  SmallRepository repo_{4096};
  std::vector<Point> points_;
};

TEST_F(Relocating, LivePointsShowTheSameWithoutTheSparsePacks) {
  make(400, 8);
  const std::vector<size_t> live = {2, 5, 7};
  RelocationOptions wanted = options(live);
  for (const PackId& id : all_packs(repo_))
    if (dice_.chance(60)) wanted.sparse.push_back(id);
  ASSERT_GT(wanted.sparse.size(), 3u);
  std::reverse(wanted.sparse.begin(), wanted.sparse.end());
  const RelocationOptions kept = wanted;
  const RelocationOutcome outcome = run_storing<Relocation>(repo_, std::move(wanted));
  ASSERT_EQ(outcome.columns.size(), kept.columns.size());

  // Each frame that is needed, once, in the order of pack and offset.
  std::set<std::pair<PackId, uint32_t>> needed;
  std::map<std::pair<PackId, uint32_t>, uint64_t> checks;
  for (const size_t point : live)
    for (const auto& [block, it] : places_of(repo_.vault, points_[point].chain))
      if (std::find(kept.sparse.begin(), kept.sparse.end(), it.pack) != kept.sparse.end()) {
        needed.insert({it.pack, it.offset});
        checks[{it.pack, it.offset}] = it.check;
      }
  const auto frames = frames_of(repo_, outcome.packs);
  ASSERT_EQ(frames.size(), needed.size());
  auto expected = needed.begin();
  for (const PackedFrame& it : frames) EXPECT_EQ(check_of(it.digest), checks[*expected++]);

  remove_packs(repo_, kept.sparse);
  for (const size_t point : live) expect_shown(point, outcome);
}

// What no live point shows keeps its place; what lies in other packs, too; and the blocks that a column names are the same.
TEST_F(Relocating, TheRestOfAColumnStaysWhatItWas) {
  make(401, 6);
  RelocationOptions wanted = options({5});
  wanted.sparse = all_packs(repo_);
  wanted.sparse.resize(wanted.sparse.size() / 2);
  const RelocationOptions kept = wanted;
  const RelocationOutcome outcome = run_storing<Relocation>(repo_, std::move(wanted));
  std::set<std::pair<PackId, uint32_t>> shown;
  for (const auto& [block, it] : places_of(repo_.vault, points_[5].chain)) shown.insert({it.pack, it.offset});
  size_t stayed = 0, went = 0;
  for (size_t i = 0; i < kept.columns.size(); i++) {
    FrameCodec codec(repo_.vault);
    const Column<Location> before(kept.columns[i], codec), after(outcome.columns[i], codec);
    EXPECT_EQ(before.data_blocks(), after.data_blocks());
    EXPECT_EQ(before.zero_blocks(), after.zero_blocks());
    const auto old = places_of(repo_.vault, {{kept.columns[i], {}, UINT64_MAX}}), now = places_of(repo_.vault, {{outcome.columns[i], {}, UINT64_MAX}});
    EXPECT_EQ(after.packs(), first_use(now));
    ASSERT_EQ(old.size(), now.size());
    for (auto a = old.begin(), b = now.begin(); a != old.end(); a++, b++) {
      ASSERT_EQ(a->first, b->first);
      const Shown &was = a->second, &is = b->second;
      const bool sparse = std::find(kept.sparse.begin(), kept.sparse.end(), was.pack) != kept.sparse.end();
      if (sparse && shown.contains({was.pack, was.offset})) {
        EXPECT_NE(std::find(outcome.packs.begin(), outcome.packs.end(), is.pack), outcome.packs.end());
        EXPECT_EQ(is.check, was.check);
        EXPECT_EQ(is.length, was.length);
        went++;
      } else {
        EXPECT_TRUE(was == is);
        stayed += sparse;
      }
    }
  }
  EXPECT_GT(went, 0u);
  EXPECT_GT(stayed, 0u) << "the test wants something hidden in a sparse pack";
}

TEST_F(Relocating, NothingSparseIsNothingMoved) {
  make(402, 3);
  for (const bool unknown : {false, true}) {
    RelocationOptions wanted = options({0, 1, 2});
    if (unknown) wanted.sparse = {PackId{0xaa}};
    const auto before = all_packs(repo_);
    const RelocationOutcome outcome = run_storing<Relocation>(repo_, std::move(wanted));
    EXPECT_TRUE(outcome.packs.empty());
    EXPECT_EQ(all_packs(repo_), before);
    for (size_t point = 0; point < 3; point++) expect_shown(point, outcome);
  }
}

TEST_F(Relocating, ADamagedFrameIsRefused) {
  make(403, 2);
  RelocationOptions wanted = options({1});
  wanted.sparse = all_packs(repo_);
  const Shown place = places_of(repo_.vault, points_[1].chain).begin()->second;
  const Bytes bytes = {1, 2, 3};
  const std::string path = PackFolder(repo_.packs()).path(place.pack);
  write_at(open_file(path, O_WRONLY, "IO").get(), bytes, place.offset + 20, "IO", path);
  EXPECT_EQ(code_of([&] { run_storing<Relocation>(repo_, std::move(wanted)); }), "FRAME_DAMAGED");
}

TEST_F(Relocating, MapsThatContradictEachOtherAreRefused) {
  make(404, 2);
  FrameCodec codec(repo_.vault);
  const Shown place = places_of(repo_.vault, points_[1].chain).begin()->second;
  ColumnWriter<Location> liar(repo_.folder / "liar", codec);
  liar.data(0, {0, place.offset, place.length, place.check + 1});
  points_[0].chain = {{liar.finish({place.pack}), {}, 1}};
  RelocationOptions wanted = options({0, 1});
  wanted.sparse = {place.pack};
  EXPECT_EQ(code_of([&] { run_storing<Relocation>(repo_, std::move(wanted)); }), "MAP_DAMAGED");
}

TEST_F(Relocating, EndsWhenToldTo) {
  make(405, 3);
  RelocationOptions wanted = options({2});
  wanted.sparse = all_packs(repo_);
  Relocation early(wanted, [](const FinishedPack&) { FAIL(); });
  early.cancel();
  EXPECT_TRUE(early.run().cancelled);

  wanted.run_id = next_run(repo_);
  wanted.pack_size = 50'000;
  Relocation* running = nullptr;
  Relocation late(wanted, [&](const FinishedPack&) {
    running->cancel();
    running->pack_stored();
  });
  running = &late;
  const RelocationOutcome outcome = late.run();
  EXPECT_TRUE(outcome.cancelled);
  EXPECT_EQ(outcome.packs.size(), 1u);
  EXPECT_LT(late.progress().bytes_copied + late.progress().bytes_cloned, late.progress().total);
}

TEST_F(Relocating, APackThatCannotBeStoredFailsTheRun) {
  make(406, 3);
  RelocationOptions wanted = options({2});
  wanted.sparse = all_packs(repo_);
  Relocation* running = nullptr;
  Relocation relocation(std::move(wanted), [&](const FinishedPack&) { running->pack_failed(); });
  running = &relocation;
  EXPECT_EQ(code_of([&] { relocation.run(); }), "PACK_STORE_FAILED");
}

}  // namespace
}  // namespace strata::test
