// Syntheses whose packs are joined of parts of others, by a store that does just that.
#include "assembly.h"

#include "code_of.h"
#include "copy_survey.h"
#include "random_disk.h"
#include "synthesized.h"

namespace strata::test {
namespace {

class Joining : public testing::TestWithParam<bool> {
 protected:
  Joining() : repo_(4096, GetParam()) {
    Bytes disk = random_disk(dice_, 1'500'000);
    const auto small_packs = [](BackupOptions& options) { options.pack_size = 200'000; };
    repo_.backup(disk, small_packs);
    for (int i = 0; i < 5; i++) {
      change(dice_, disk);
      repo_.backup(disk, small_packs);
    }
    disk_ = disk;
    old_ = all_packs(repo_);
    for (const PackId& id : old_) sources_.push_back(file_of(id));
  }

  PackFile file_of(const PackId& id) const {
    const std::string path = PackFolder(repo_.packs()).path(id);
    return {id, path, std::filesystem::file_size(path)};
  }

  std::vector<SurveyedFrame> survey(const std::vector<PackFile>& resume = {}) const {
    return survey_copy({repo_.vault, repo_.chain, sources_, resume}, Control{});
  }

  // Parts by a throw of dice: neighbouring frames, with what lies between them, or none; a few parts a pack.
  std::vector<AssembledPack> arrange(const std::vector<SurveyedFrame>& frames) {
    std::vector<AssembledPack> out;
    for (size_t at = 0; at < frames.size();) {
      size_t end = at + 1;
      const size_t most = at + 1 + dice_.below(40);
      while (end < std::min(most, frames.size()) && frames[end].pack == frames[at].pack) end++;
      if (dice_.below(4) != 0) {
        if (out.empty() || dice_.below(3) == 0) out.push_back({});
        const uint32_t from = frames[at].offset - kPackStart;
        out.back().parts.push_back({sources_[frames[at].pack].id, from, frames[end - 1].offset + frames[end - 1].length - from});
        out.back().frames += end - at;
      }
      at = end;
    }
    return out;
  }

  SynthesisOptions options(std::vector<AssembledPack> assembly) {
    SynthesisOptions out = synthesis_options(repo_, disk_.size(), SynthesisMode::copy);
    out.pack_size = 100'000;
    out.clone = Clone::never;
    out.assembly = std::move(assembly);
    return out;
  }

  // What the store does with the end of a pack: its parts first.
  void join(const std::vector<AssembledPack>& assembly, const FinishedPack& pack) const {
    if (pack.sequence >= assembly.size()) return repo_.store(pack);
    Bytes whole;
    for (const PackPart& part : assembly[pack.sequence].parts) {
      Bytes bytes(part.length);
      PackFolder(repo_.packs()).read(part.pack, part.offset, bytes);
      put_bytes(whole, bytes);
    }
    Bytes end(std::filesystem::file_size(pack.path));
    read_exact(open_file(pack.path, O_RDONLY, "IO").get(), end, 0, "IO", pack.path);
    put_bytes(whole, end);
    EXPECT_EQ(whole.size(), pack.bytes);
    write_at(open_file(pack.path, O_WRONLY, "IO").get(), whole, 0, "IO", pack.path);
    repo_.store(pack);
  }

  SynthesisOutcome run(SynthesisOptions wanted, SynthesisProgress* progress = nullptr) {
    const auto assembly = wanted.assembly;
    Synthesis* running = nullptr;
    std::set<uint32_t> given;
    Synthesis synthesis(std::move(wanted), [&](const FinishedPack& pack) {
      EXPECT_TRUE(given.insert(pack.sequence).second) << "each once";
      join(assembly, pack);
      running->pack_stored();
    });
    running = &synthesis;
    SynthesisOutcome outcome = synthesis.run();
    if (progress != nullptr) *progress = synthesis.progress();
    return outcome;
  }

  Dice dice_{360};
  SmallRepository repo_;
  Bytes disk_;
  std::vector<PackId> old_;
  std::vector<PackFile> sources_;
};

INSTANTIATE_TEST_SUITE_P(, Joining, testing::Bool(), [](const auto& sealed) { return sealed.param ? "Sealed" : "Plain"; });

TEST_P(Joining, TheSurveyNamesEveryFrameOnce) {
  const auto frames = survey();
  std::map<std::pair<PackId, uint32_t>, uint64_t> expected;  // to the order of the first block that shows it
  uint64_t order = 0;
  for (const auto& [block, it] : places_of(repo_.vault, repo_.chain)) expected.emplace(std::pair(it.pack, it.offset), order++);
  ASSERT_EQ(frames.size(), expected.size());
  for (const SurveyedFrame& it : frames) EXPECT_EQ(expected.at({sources_[it.pack].id, it.offset}), it.order);
  EXPECT_TRUE(std::is_sorted(frames.begin(), frames.end(), [](const auto& a, const auto& b) { return std::pair(a.pack, a.offset) < std::pair(b.pack, b.offset); }));
}

TEST_P(Joining, GivesAFullPointThatNeedsNoOlderPack) {
  const auto frames = survey();
  for (int round = 0; round < 10 && !HasFailure(); round++) {
    SynthesisProgress progress{};
    const SynthesisOutcome outcome = run(options(arrange(frames)), &progress);
    expect_full_map(repo_, disk_, outcome);
    for (const PackId& id : outcome.packs) EXPECT_EQ(std::count(old_.begin(), old_.end(), id), 0);
    EXPECT_GT(progress.bytes_joined, 0u);
    uint64_t bytes = 0;
    for (const PackedFrame& it : frames_of(repo_, outcome.packs)) bytes += it.length;
    EXPECT_EQ(progress.bytes_joined + progress.bytes_copied, bytes) << "each content once";
    remove_packs(repo_, outcome.packs);
  }
}

TEST_P(Joining, JoinedPacksServeAsAnyOther) {
  const SynthesisOutcome first = run(options(arrange(survey())));
  repo_.chain = chain_of(repo_, first, disk_.size());
  remove_packs(repo_, old_);
  sources_.clear();
  for (const PackId& id : all_packs(repo_)) sources_.push_back(file_of(id));
  expect_full_map(repo_, disk_, run(options(arrange(survey()))));
  // Found by the index, too: the same disk again needs no new pack.
  repo_.chain.clear();
  EXPECT_EQ(repo_.backup(disk_).bytes_stored, 0u);
}

TEST_P(Joining, WhatABrokenRunHadJoinedIsUsed) {
  const auto frames = survey();
  SynthesisOptions wanted = options(arrange(frames));
  const auto assembly = wanted.assembly;
  std::vector<PackFile> stored;
  Synthesis* running = nullptr;
  Synthesis synthesis(std::move(wanted), [&](const FinishedPack& pack) {
    if (stored.size() == 3) return running->pack_failed();
    join(assembly, pack);
    stored.push_back(file_of(pack.id));
    running->pack_stored();
  });
  running = &synthesis;
  EXPECT_EQ(code_of([&] { synthesis.run(); }), "PACK_STORE_FAILED");
  ASSERT_EQ(stored.size(), 3u);

  size_t there = 0;
  for (const PackFile& pack : stored) there += frames_of(repo_, {pack.id}).size();
  const auto left = survey(stored);
  EXPECT_EQ(left.size(), frames.size() - there);
  SynthesisOptions again = options(arrange(left));
  again.resume = stored;
  const SynthesisOutcome outcome = run(std::move(again));
  expect_full_map(repo_, disk_, outcome);
  EXPECT_GT(outcome.bytes_resumed, 0u);
}

TEST_P(Joining, FramesThatTheirPackDoesNotNameAreLeftOut) {
  const auto frames = survey();
  const PackFile& pack = sources_[frames.front().pack];
  const Bytes byte = {1};
  write_at(open_file(pack.path, O_WRONLY, "IO").get(), byte, pack.bytes - 1, "IO", pack.path);
  const auto left = survey();
  EXPECT_LT(left.size(), frames.size());
  for (const SurveyedFrame& it : left) EXPECT_NE(it.pack, frames.front().pack);
  // Who copies them looks at each.
  SynthesisOptions wanted = options(arrange(left));
  expect_full_map(repo_, disk_, run(std::move(wanted)));
}

TEST_P(Joining, AFrameWhereTheHeadWouldBeIsCopiedInstead) {
  const auto frames = survey();
  const SurveyedFrame& first = frames.front();
  const SynthesisOutcome outcome = run(options({{{{sources_[first.pack].id, first.offset, first.length}}, 1}}));
  expect_full_map(repo_, disk_, outcome);
}

TEST_P(Joining, PacksTooLongToBeNamedAreRefused) {
  const PackPart part{old_[0], 0, 1u << 30};
  EXPECT_EQ(code_of([&] { Assembly({{{part, part, part}, 1}}, "", {}); }), "NATIVE_ARGUMENT");
  SynthesisOptions wanted = options({{{part}, 1}});
  wanted.mode = SynthesisMode::reference;
  EXPECT_EQ(code_of([&] { Synthesis(std::move(wanted), {}); }), "NATIVE_ARGUMENT");
}

}  // namespace
}  // namespace strata::test
