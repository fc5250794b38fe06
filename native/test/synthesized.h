// Syntheses and relocations of a small repository, and what must be true of the maps that they write.
#pragma once
#include "relocation.h"
#include "small_repository.h"
#include "synthesis.h"

namespace strata::test {

// Runs it with a store that takes every pack at once.
template <typename Action, typename Options>
auto run_storing(const SmallRepository& repo, Options options) {
  Action* running = nullptr;
  Action action(std::move(options), [&](const FinishedPack& pack) {
    repo.store(pack);
    running->pack_stored();
  });
  running = &action;
  return action.run();
}

inline RunId next_run(SmallRepository& repo) {
  RunId out{};
  repo.runs++;
  memcpy(out.data(), &repo.runs, sizeof repo.runs);
  return out;
}

inline SynthesisOptions synthesis_options(SmallRepository& repo, uint64_t size, SynthesisMode mode) {
  SynthesisOptions out;
  out.vault = repo.vault;
  out.chain = repo.chain;
  out.packs = repo.packs();
  out.size = size;
  out.block_size = repo.block_size;
  out.spool = repo.folder / "spool";
  out.run_id = next_run(repo);
  out.mode = mode;
  out.pack_size = 1 << 20;
  return out;
}

// What a chain shows: the data blocks with the packs that they lie in.
struct Shown {
  PackId pack;
  uint32_t offset, length;
  uint64_t check;
  bool operator==(const Shown&) const = default;
};
inline std::map<uint64_t, Shown> places_of(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& chain) {
  FrameCodec codec(vault);
  ChainReader<Location> reader(chain, codec);
  ChainReader<Location>::Piece piece;
  std::map<uint64_t, Shown> out;
  while (reader.next(piece))
    for (uint64_t i = 0; piece.kind == Kind::data && i < piece.count; i++) {
      const Location& it = piece.entries[i];
      out[piece.start + i] = {reader.column(piece.layer).packs()[it.pack], it.offset, it.length, it.check};
    }
  return out;
}
inline std::map<uint64_t, BlockDigest> digests_of(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& chain) {
  FrameCodec codec(vault);
  ChainReader<BlockDigest> reader(chain, codec);
  ChainReader<BlockDigest>::Piece piece;
  std::map<uint64_t, BlockDigest> out;
  while (reader.next(piece))
    for (uint64_t i = 0; piece.kind == Kind::data && i < piece.count; i++) out[piece.start + i] = piece.entries[i];
  return out;
}

// The packs in the order in which the blocks refer to them first.
inline std::vector<PackId> first_use(const std::map<uint64_t, Shown>& places) {
  std::vector<PackId> out;
  for (const auto& [block, it] : places)
    if (std::find(out.begin(), out.end(), it.pack) == out.end()) out.push_back(it.pack);
  return out;
}

inline std::vector<Layer> chain_of(const SmallRepository& repo, const SynthesisOutcome& outcome, uint64_t size) {
  return {{outcome.location, outcome.digest, repo.blocks(size)}};
}

// The map is that of a full backup of the disk, and what it refers to is there.
inline void expect_full_map(const SmallRepository& repo, const Bytes& disk, const SynthesisOutcome& outcome) {
  SmallRepository whole(repo.block_size, repo.vault->sealed);
  const BackupOutcome full = whole.backup(disk);
  const std::vector<Layer> chain = chain_of(repo, outcome, disk.size());
  EXPECT_FALSE(outcome.cancelled);
  EXPECT_EQ(outcome.root, full.root);
  EXPECT_EQ(outcome.location.data_blocks, full.location.data_blocks);
  EXPECT_EQ(outcome.digest.data_blocks, full.digest.data_blocks);
  EXPECT_EQ(outcome.location.zero_blocks + outcome.digest.zero_blocks, full.location.zero_blocks + full.digest.zero_blocks);
  EXPECT_TRUE(digests_of(repo.vault, chain) == digests_of(whole.vault, whole.chain));
  const auto places = places_of(repo.vault, chain);
  uint64_t bytes = 0;
  for (const auto& [block, it] : places) bytes += it.length;
  EXPECT_EQ(outcome.bytes_referenced, bytes);
  EXPECT_EQ(outcome.packs, first_use(places));
  FrameCodec codec(repo.vault);
  EXPECT_EQ(Column<Location>(outcome.location, codec).packs(), outcome.packs);
  const VerifyOutcome verified = Verify({repo.vault, chain, repo.packs(), disk.size(), repo.block_size, 100, 0, 3}).run();
  EXPECT_TRUE(verified.damage.empty());
  EXPECT_EQ(verified.blocks_checked, places.size());
  EXPECT_EQ(verified.root, full.root);
}

// The frames of the packs, in the order in which they lie there.
inline std::vector<PackedFrame> frames_of(const SmallRepository& repo, const std::vector<PackId>& packs) {
  FrameCodec codec(repo.vault);
  std::vector<PackedFrame> out;
  for (const PackId& id : packs) {
    const auto frames = read_pack_index(codec, *PackFolder(repo.packs()).open(id), id);
    out.insert(out.end(), frames.begin(), frames.end());
  }
  return out;
}

inline void remove_packs(const SmallRepository& repo, const std::vector<PackId>& packs) {
  for (const PackId& id : packs) std::filesystem::remove(PackFolder(repo.packs()).path(id));
}

inline std::vector<PackId> all_packs(const SmallRepository& repo) {
  std::vector<PackId> out;
  for (const auto& it : std::filesystem::recursive_directory_iterator(repo.packs()))
    if (it.is_regular_file()) unhex(it.path().filename(), out.emplace_back());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace strata::test
