// Syntheses against what they must equal: a full backup of the same disk.
#include "code_of.h"
#include "random_disk.h"
#include "synthesized.h"

namespace strata::test {
namespace {

// A chain on a disk that changes, grows and shrinks.
struct Grown {
  Grown(uint64_t seed, int points, bool sealed = true) : repo(4096, sealed), dice(seed), disk(random_disk(dice, 1'200'000)) {
    repo.backup(disk);
    for (int i = 1; i < points; i++) {
      change(dice, disk);
      repo.backup(disk);
    }
  }
  SynthesisOutcome synthesize(SynthesisMode mode, uint64_t pack_size = 1 << 20) {
    SynthesisOptions options = synthesis_options(repo, disk.size(), mode);
    options.pack_size = pack_size;
    return run_storing<Synthesis>(repo, std::move(options));
  }
  SmallRepository repo;
  Dice dice;
  Bytes disk;
};

class SynthesisOf : public testing::TestWithParam<SynthesisMode> {};
INSTANTIATE_TEST_SUITE_P(, SynthesisOf, testing::Values(SynthesisMode::reference, SynthesisMode::copy),
                         [](const auto& mode) { return mode.param == SynthesisMode::copy ? "Copying" : "Referring"; });

TEST_P(SynthesisOf, ChainsEqualsAFullBackup) {
  for (uint64_t seed = 300; seed < 310 && !HasFailure(); seed++) {
    Grown it(seed, static_cast<int>(seed % 5) * 3 + 1, seed % 2 == 0);
    expect_full_map(it.repo, it.disk, it.synthesize(GetParam()));
  }
}

TEST_P(SynthesisOf, AMapThatIsFullAlreadyEqualsIt) {
  Grown it(320, 1);
  expect_full_map(it.repo, it.disk, it.synthesize(GetParam()));
}

TEST_P(SynthesisOf, ADiskOfZerosNamesNothing) {
  for (const size_t size : {0, 1, 4096, 1'000'000}) {
    Grown it(321, 1);
    it.disk.assign(size, 0);
    it.repo.backup(it.disk);
    const SynthesisOutcome outcome = it.synthesize(GetParam());
    expect_full_map(it.repo, it.disk, outcome);
    EXPECT_TRUE(outcome.packs.empty());
    EXPECT_EQ(std::filesystem::file_size(outcome.location.path), outcome.location.bytes);
  }
}

// What is synthesized serves as the parent of further points, and can be synthesized again.
TEST_P(SynthesisOf, ASynthesizedMapIsAsGoodAsAnother) {
  Grown it(322, 4);
  const SynthesisOutcome first = it.synthesize(GetParam());
  it.repo.chain = chain_of(it.repo, first, it.disk.size());
  for (int i = 0; i < 3; i++) {
    change(it.dice, it.disk);
    it.repo.backup(it.disk);
  }
  expect_full_map(it.repo, it.disk, it.synthesize(GetParam()));
}

TEST_P(SynthesisOf, TheSizeMustBeThePoints) {
  Grown it(323, 2);
  SynthesisOptions options = synthesis_options(it.repo, it.disk.size() + 4096, GetParam());
  EXPECT_EQ(code_of([&] { Synthesis(std::move(options), {}); }), "NATIVE_ARGUMENT");
  options = synthesis_options(it.repo, 0, GetParam());
  options.chain.clear();
  EXPECT_EQ(code_of([&] { Synthesis(std::move(options), {}); }), "NATIVE_ARGUMENT");
}

// The columns of different points name different blocks, or the same blocks with different digests.
TEST_P(SynthesisOf, ColumnsThatDifferAreRefused) {
  Grown it(324, 2);
  it.disk.assign(400'000, 7);
  it.repo.backup(it.disk);
  for (const auto& spoil : std::vector<std::function<void(Bytes&)>>{[](Bytes& disk) { disk.resize(500'000, 9); }, [](Bytes& disk) { disk[100'000] ^= 1; }, [](Bytes& disk) { disk.assign(100'000, 7); }}) {
    Grown other(324, 2);
    other.disk.assign(400'000, 7);
    spoil(other.disk);
    other.repo.backup(other.disk);
    SynthesisOptions options = synthesis_options(it.repo, it.disk.size(), GetParam());
    options.chain.front().digest = other.repo.chain.front().digest;
    options.chain.resize(1);
    EXPECT_EQ(code_of([&] { run_storing<Synthesis>(it.repo, std::move(options)); }), "MAP_DAMAGED");
  }
}

TEST_P(SynthesisOf, ADamagedMapIsRefused) {
  Grown it(325, 3);
  const std::string path = it.repo.chain[1].location.path;
  const Bytes byte = {0xff, 0xff};
  write_at(open_file(path, O_WRONLY, "IO").get(), byte, 40, "IO", path);
  EXPECT_EQ(code_of([&] { it.synthesize(GetParam()); }), "MAP_DAMAGED");
  std::filesystem::remove(path);
  EXPECT_EQ(code_of([&] { it.synthesize(GetParam()); }), "MAP_MISSING");
}

TEST_P(SynthesisOf, NothingIsWrittenOverAFile) {
  Grown it(326, 2);
  SynthesisOptions options = synthesis_options(it.repo, it.disk.size(), GetParam());
  Appender(options.spool + "/" + hex(options.run_id) + ".loc", "native.column.write").finish();
  EXPECT_EQ(code_of([&] { run_storing<Synthesis>(it.repo, std::move(options)); }), "SPOOL_WRITE");
}

// Nothing but what is named takes time or room: a disk of 2^40 blocks of which a few hundred hold data.
TEST(Synthesis, HugeRunsOfZerosCostNothing) {
  constexpr uint64_t kBlocks = uint64_t{1} << 40, kLayers = 5, kEach = 50;
  constexpr uint32_t kBlock = 4096;
  SmallRepository repo(kBlock);
  FrameCodec codec(repo.vault);
  Dice dice(327);
  Leaves leaves;
  for (uint64_t layer = 0; layer < kLayers; layer++) {
    ColumnWriter<Location> places(repo.folder / (std::to_string(layer) + ".loc"), codec);
    ColumnWriter<BlockDigest> digests(repo.folder / (std::to_string(layer) + ".dig"), codec);
    uint64_t at = layer;
    for (uint64_t i = 0; i < kEach; i++) {
      const BlockDigest digest{dice.digest(), {}};
      const uint64_t block = kBlocks / kEach * i + layer;
      places.zero(at, block - at);
      digests.zero(at, block - at);
      places.data(block, {0, 16, 100, check_of(digest.digest)});
      digests.data(block, digest);
      std::erase_if(leaves, [&](const auto& leaf) { return leaf.first >= at && leaf.first < block; });
      leaves[block] = digest.digest;
      at = block + 1;
    }
    repo.chain.insert(repo.chain.begin(), {places.finish({PackId{}}), digests.finish({}), kBlocks});
  }
  const SynthesisOutcome outcome = run_storing<Synthesis>(repo, synthesis_options(repo, kBlocks * kBlock, SynthesisMode::reference));
  EXPECT_EQ(outcome.location.data_blocks, leaves.size());
  EXPECT_EQ(outcome.root, naive_root(leaves, kBlocks * kBlock, kBlock));
}

TEST(Synthesis, ReferringLeavesFramesWhereTheyAre) {
  Grown it(330, 8);
  const auto before = all_packs(it.repo);
  const SynthesisOutcome outcome = it.synthesize(SynthesisMode::reference);
  EXPECT_TRUE(places_of(it.repo.vault, chain_of(it.repo, outcome, it.disk.size())) == places_of(it.repo.vault, it.repo.chain));
  EXPECT_EQ(all_packs(it.repo), before);
}

TEST(Synthesis, CopyingStandsOnItsOwn) {
  Grown it(331, 8);
  const auto old = all_packs(it.repo);
  const SynthesisOutcome outcome = it.synthesize(SynthesisMode::copy);
  remove_packs(it.repo, old);
  expect_full_map(it.repo, it.disk, outcome);
}

// In disk order, each content once, in packs that are closed by the frame that reaches their size.
TEST(Synthesis, CopyingPutsFramesInTheOrderOfTheDisk) {
  constexpr uint64_t kPack = 15'000;
  Grown it(332, 6);
  const SynthesisOutcome outcome = it.synthesize(SynthesisMode::copy, kPack);
  std::vector<Digest> expected;
  std::set<Digest> seen;
  for (const auto& [block, digest] : digests_of(it.repo.vault, chain_of(it.repo, outcome, it.disk.size())))
    if (seen.insert(digest.digest).second) expected.push_back(digest.digest);
  std::vector<Digest> found;
  for (const PackedFrame& frame : frames_of(it.repo, outcome.packs)) found.push_back(frame.digest);
  EXPECT_TRUE(found == expected);
  EXPECT_LT(seen.size(), outcome.location.data_blocks) << "the disk repeats itself";
  ASSERT_GT(outcome.packs.size(), 3u);
  for (size_t i = 0; i + 1 < outcome.packs.size(); i++) {
    const PackedFrame last = frames_of(it.repo, {outcome.packs[i]}).back();
    EXPECT_LT(last.offset, kPack);
    EXPECT_GE(last.offset + last.length, kPack);
  }
}

TEST(Synthesis, TellsWhatItCopied) {
  Grown it(333, 4);
  SynthesisOptions options = synthesis_options(it.repo, it.disk.size(), SynthesisMode::copy);
  options.clone = Clone::never;
  Synthesis* running = nullptr;
  Synthesis synthesis(std::move(options), [&](const FinishedPack& pack) {
    it.repo.store(pack);
    running->pack_stored();
  });
  running = &synthesis;
  const SynthesisOutcome outcome = synthesis.run();
  uint64_t bytes = 0;
  for (const PackedFrame& frame : frames_of(it.repo, outcome.packs)) bytes += frame.length;
  EXPECT_EQ(synthesis.progress().bytes_copied, bytes);
  EXPECT_EQ(synthesis.progress().bytes_cloned, 0u);
  EXPECT_EQ(synthesis.progress().position, it.disk.size());
  EXPECT_LE(bytes, outcome.bytes_referenced);
}

TEST(Synthesis, APackThatCannotBeStoredFailsTheRun) {
  Grown it(334, 3);
  for (const uint32_t bad : {0u, 2u}) {
    SynthesisOptions options = synthesis_options(it.repo, it.disk.size(), SynthesisMode::copy);
    options.pack_size = 15'000;
    Synthesis* running = nullptr;
    Synthesis synthesis(std::move(options), [&](const FinishedPack& pack) { pack.sequence == bad ? running->pack_failed() : running->pack_stored(); });
    running = &synthesis;
    EXPECT_EQ(code_of([&] { synthesis.run(); }), "PACK_STORE_FAILED");
  }
}

TEST(Synthesis, AnAbandonedRunEndsWithoutAnswers) {
  Grown it(335, 3);
  SynthesisOptions options = synthesis_options(it.repo, it.disk.size(), SynthesisMode::copy);
  options.pack_size = 15'000;
  Synthesis* running = nullptr;
  Synthesis synthesis(std::move(options), [&](const FinishedPack& pack) {
    if (pack.sequence == 2) running->abandon();
  });
  running = &synthesis;
  EXPECT_TRUE(synthesis.run().cancelled);
}

TEST(Synthesis, ACancelledReferenceSaysSo) {
  Grown it(336, 3);
  Synthesis synthesis(synthesis_options(it.repo, it.disk.size(), SynthesisMode::reference), {});
  synthesis.cancel();
  EXPECT_TRUE(synthesis.run().cancelled);
}

}  // namespace
}  // namespace strata::test
