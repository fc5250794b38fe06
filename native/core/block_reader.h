// Reads single blocks of a chain: place → frame → raw bytes. One for each thread; the folder of packs is shared.
#pragma once
#include "chain.h"
#include "pack.h"

namespace strata {

struct BlockPlace {
  uint64_t block;
  PackId pack;
  uint32_t offset, length;
  uint64_t check;
};

inline BlockPlace place_of(uint64_t block, const Location& it, const Column<Location>& column) {
  return {block, column.packs()[it.pack], it.offset, it.length, it.check};
}

// Has the frames on their way, neighbours as one range.
void announce(PackFolder& packs, std::span<const BlockPlace> places) noexcept;

class BlockReader {
 public:
  BlockReader(std::shared_ptr<const Vault> vault, PackFolder& packs, uint32_t block_size) : codec_(std::move(vault)), packs_(packs), block_size_(block_size) {}

  // Fetches the frames of several blocks, those that lie one after the other in a pack with one read.
  void fetch(std::span<const BlockPlace> places);

  // Opens one that was fetched; valid until the next call. Throws FRAME_DAMAGED, also when the frame is not the one that the map means; from afar it is
  // read once more before, for what was damaged may be a copy on this machine.
  View open(const BlockPlace& place, Check check, Digest* digest = nullptr);
  // The same into bytes of the caller's.
  void open(const BlockPlace& place, Check check, Bytes& out, Digest* digest = nullptr);

  FrameCodec& codec() { return codec_; }

 private:
  void open_frame(const BlockPlace& place, View frame, Check check, Bytes& out, Digest* digest);

  FrameCodec codec_;
  PackFolder& packs_;
  const uint32_t block_size_;
  Bytes frames_, raw_;
  std::vector<std::pair<const BlockPlace*, size_t>> fetched_;
};

}  // namespace strata
