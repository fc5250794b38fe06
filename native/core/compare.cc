#include "compare.h"

#include "merkle.h"

namespace strata {
namespace {

void add_block(std::vector<Range>& out, uint64_t block, uint64_t size) {
  if (!out.empty() && out.back().offset + out.back().length == block * size)
    out.back().length += size;
  else
    out.push_back({block * size, size});
}

}  // namespace

std::vector<Range> diff_chains(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& a, const std::vector<Layer>& b, uint32_t block_size) {
  constexpr uint64_t kStep = 4096;
  FrameCodec codec(vault);
  ChainWindow<BlockDigest> left(a, codec), right(b, codec);
  std::vector<Range> out;
  std::vector<Digest> old(kStep), now(kStep);
  for (uint64_t at = 0;;) {
    at = std::min(left.next_data(at), right.next_data(at));
    if (at == UINT64_MAX) break;
    // A zero block's digest stands as zeros, which no real digest is.
    std::fill(old.begin(), old.end(), Digest{});
    std::fill(now.begin(), now.end(), Digest{});
    left.take(at, kStep, [&](uint64_t block, const BlockDigest& it, size_t) { old[block - at] = it.digest; });
    right.take(at, kStep, [&](uint64_t block, const BlockDigest& it, size_t) { now[block - at] = it.digest; });
    for (uint64_t i = 0; i < kStep; i++)
      if (old[i] != now[i]) add_block(out, at + i, block_size);
    at += kStep;
  }
  return out;
}

ChainStatistics chain_statistics(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& chain) {
  FrameCodec codec(vault);
  ChainReader<Location> reader(chain, codec);
  ChainReader<Location>::Piece piece;
  ChainStatistics out;
  while (reader.next(piece)) {
    if (piece.kind == Kind::zero) continue;
    out.data_blocks += piece.count;
    uint32_t last = UINT32_MAX;
    for (uint64_t i = 0; i < piece.count; i++) {
      const Location& it = piece.entries[i];
      out.stored_bytes += it.length;
      if (it.pack != last) out.packs.insert(reader.column(piece.layer).packs()[it.pack]);
      last = it.pack;
    }
  }
  return out;
}

Digest content_root(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& chain, uint64_t size, uint32_t block_size) {
  FrameCodec codec(vault);
  ChainReader<BlockDigest> reader(chain, codec);
  ChainReader<BlockDigest>::Piece piece;
  Merkle merkle;
  while (reader.next(piece)) {
    if (piece.kind == Kind::zero) continue;
    merkle.zeros(piece.start - merkle.leaves());
    for (uint64_t i = 0; i < piece.count; i++) merkle.data(piece.entries[i].digest);
  }
  return merkle.root(size, block_size);
}

std::vector<LostRange> lost_ranges(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& chain, uint32_t block_size,
                                   const std::vector<PackId>& missing, const std::vector<BadPlace>& bad) {
  const std::set<PackId> gone(missing.begin(), missing.end());
  const std::set<BadPlace> damaged(bad.begin(), bad.end());
  FrameCodec codec(vault);
  ChainReader<Location> reader(chain, codec);
  ChainReader<Location>::Piece piece;
  std::vector<LostRange> out;
  while (reader.next(piece)) {
    if (piece.kind == Kind::zero) continue;
    const std::vector<PackId>& packs = reader.column(piece.layer).packs();
    for (uint64_t i = 0; i < piece.count; i++) {
      const PackId& pack = packs[piece.entries[i].pack];
      const bool lost = gone.contains(pack);
      if (!lost && !damaged.contains({pack, piece.entries[i].offset})) continue;
      const uint64_t offset = (piece.start + i) * block_size;
      if (!out.empty() && out.back().pack == pack && out.back().missing == lost && out.back().offset + out.back().length == offset)
        out.back().length += block_size;
      else
        out.push_back({offset, block_size, pack, lost});
    }
  }
  return out;
}

}  // namespace strata
