// Copying syntheses that go on where a broken one ended, after any number of packs.
#include "code_of.h"
#include "random_disk.h"
#include "synthesized.h"

namespace strata::test {
namespace {

constexpr uint64_t kPack = 80'000;

class Resume : public testing::Test {
 protected:
  Resume() {
    Bytes disk = random_disk(dice_, 1'500'000);
    repo_.backup(disk);
    for (int i = 0; i < 5; i++) {
      change(dice_, disk);
      disk.resize(1'200'000 + static_cast<size_t>(i) * 70'000);
      repo_.backup(disk);
    }
    disk_ = disk;
    old_ = all_packs(repo_);
  }

  SynthesisOptions options() {
    SynthesisOptions out = synthesis_options(repo_, disk_.size(), SynthesisMode::copy);
    out.pack_size = kPack;
    out.clone = Clone::never;
    return out;
  }

  // Runs until `most` packs were stored, and breaks then; all of them are handed back.
  std::vector<PackFile> broken(uint32_t most) {
    std::vector<PackFile> out;
    Synthesis* running = nullptr;
    Synthesis synthesis(options(), [&](const FinishedPack& pack) {
      if (pack.sequence >= most) return running->pack_failed();
      repo_.store(pack);
      out.push_back({pack.id, PackFolder(repo_.packs()).path(pack.id), pack.bytes});
      running->pack_stored();
    });
    running = &synthesis;
    EXPECT_EQ(code_of([&] { synthesis.run(); }), "PACK_STORE_FAILED");
    return out;
  }

  SynthesisOutcome resumed(std::vector<PackFile> packs) {
    SynthesisOptions wanted = options();
    wanted.resume = std::move(packs);
    return run_storing<Synthesis>(repo_, std::move(wanted));
  }

  uint64_t bytes_of(const std::vector<PackedFrame>& frames) {
    uint64_t out = 0;
    for (const PackedFrame& it : frames) out += it.length;
    return out;
  }

  Dice dice_{350};
  SmallRepository repo_{4096};
  Bytes disk_;
  std::vector<PackId> old_;
};

TEST_F(Resume, AfterAnyNumberOfPacksGivesTheSame) {
  const SynthesisOutcome whole = run_storing<Synthesis>(repo_, options());
  const auto expected = frames_of(repo_, whole.packs);
  const auto count = static_cast<uint32_t>(whole.packs.size());
  ASSERT_GT(count, 5u);
  for (const uint32_t stored : {1u, 2u, count / 2, count - 1}) {
    const auto packs = broken(stored);
    ASSERT_EQ(packs.size(), stored);
    const SynthesisOutcome outcome = resumed(packs);
    expect_full_map(repo_, disk_, outcome);
    ASSERT_EQ(outcome.packs.size(), count);
    for (uint32_t i = 0; i < count; i++) {
      EXPECT_EQ(outcome.packs[i][15], i < stored ? i : i - stored);
      EXPECT_EQ(outcome.packs[i] == (i < stored ? packs[i].id : PackId{}), i < stored) << "what was stored is used";
    }
    const auto frames = frames_of(repo_, outcome.packs);
    ASSERT_EQ(frames.size(), expected.size());
    for (size_t i = 0; i < frames.size(); i++) EXPECT_EQ(frames[i].digest, expected[i].digest);
    EXPECT_EQ(outcome.bytes_resumed, bytes_of(frames_of(repo_, {outcome.packs.begin(), outcome.packs.begin() + stored})));
  }
}

TEST_F(Resume, AfterAllPacksCopiesNothing) {
  const SynthesisOutcome whole = run_storing<Synthesis>(repo_, options());
  std::vector<PackFile> packs;
  for (const PackId& id : whole.packs) packs.push_back({id, PackFolder(repo_.packs()).path(id), 0});
  const auto before = all_packs(repo_);
  const SynthesisOutcome outcome = resumed(packs);
  expect_full_map(repo_, disk_, outcome);
  EXPECT_EQ(outcome.packs, whole.packs);
  EXPECT_EQ(outcome.bytes_resumed, bytes_of(frames_of(repo_, whole.packs)));
  EXPECT_EQ(all_packs(repo_), before);
}

// Also twice broken: the packs of both runs are one row.
TEST_F(Resume, ACancelledRunKeepsItsLastPack) {
  std::vector<PackFile> packs;
  for (int round = 0; round < 2; round++) {
    SynthesisOptions wanted = options();
    wanted.resume = packs;
    const size_t before = packs.size();
    Synthesis* running = nullptr;
    Synthesis synthesis(std::move(wanted), [&](const FinishedPack& pack) {
      repo_.store(pack);
      packs.push_back({pack.id, PackFolder(repo_.packs()).path(pack.id), pack.bytes});
      if (packs.size() == before + 2) running->cancel();
      running->pack_stored();
    });
    running = &synthesis;
    EXPECT_TRUE(synthesis.run().cancelled);
    EXPECT_GE(packs.size(), before + 2);
  }
  const SynthesisOutcome outcome = resumed(packs);
  expect_full_map(repo_, disk_, outcome);
  EXPECT_GT(outcome.bytes_resumed, 0u);
  remove_packs(repo_, old_);
  expect_full_map(repo_, disk_, outcome);
}

// Whatever packs there are: their frames are found by what they hold.
TEST_F(Resume, AnyOfThePacksWillDo) {
  const auto packs = broken(4);
  for (const std::vector<PackFile>& some : {std::vector{packs[1]}, {packs[0], packs[2]}, {packs[3], packs[1], packs[0]}}) {
    const SynthesisOutcome outcome = resumed(some);
    expect_full_map(repo_, disk_, outcome);
    std::vector<PackId> ids;
    for (const PackFile& it : some) {
      EXPECT_EQ(std::count(outcome.packs.begin(), outcome.packs.end(), it.id), 1);
      ids.push_back(it.id);
    }
    EXPECT_EQ(outcome.bytes_resumed, bytes_of(frames_of(repo_, ids)));
  }
}

TEST_F(Resume, PacksThatCannotBeReadAreAsIfTheyWereNotThere) {
  const auto packs = broken(3);
  const Bytes byte = {1};
  write_at(open_file(packs[1].path, O_WRONLY, "IO").get(), byte, packs[1].bytes - 1, "IO", packs[1].path);
  std::filesystem::remove(packs[2].path);
  const SynthesisOutcome outcome = resumed(packs);
  expect_full_map(repo_, disk_, outcome);
  EXPECT_EQ(std::count(outcome.packs.begin(), outcome.packs.end(), packs[1].id), 0);
  EXPECT_EQ(outcome.bytes_resumed, bytes_of(frames_of(repo_, {packs[0].id})));
}

TEST_F(Resume, WithoutCopyingThereIsNothingToResume) {
  SynthesisOptions wanted = options();
  wanted.mode = SynthesisMode::reference;
  wanted.resume = {{}};
  EXPECT_EQ(code_of([&] { Synthesis(std::move(wanted), {}); }), "NATIVE_ARGUMENT");
}

}  // namespace
}  // namespace strata::test
