#include "point_map.h"

#include <algorithm>

namespace strata {

namespace {
constexpr size_t kBatch = 32768;  // entries written, or looked through, at once

Fd nameless_file(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return Fd(fd);
  // Some file systems have no nameless files.
  std::string path = folder + "/map-XXXXXX";
  const int named = mkostemp(path.data(), O_CLOEXEC);
  if (named < 0) throw Error("SPOOL_WRITE", "cannot make a file", errno, folder);
  unlink(path.c_str());
  return Fd(named);
}
}  // namespace

PointMap::PointMap(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& chain, PackTable& packs, const std::string& folder,
                   const Control& control)
    : path_(folder), file_(nameless_file(folder)), blocks_(chain.empty() ? 0 : chain.front().blocks) {
  if (ftruncate(file_.get(), static_cast<off_t>(blocks_ * sizeof(BlockEntry))) != 0) throw Error("SPOOL_WRITE", "cannot size a map", errno, folder);
  FrameCodec codec(vault);
  ChainReader<Location> merged(chain, codec);
  std::vector<std::vector<uint32_t>> numbers(merged.layers());
  std::vector<BlockEntry> batch;
  batch.reserve(kBatch);
  uint64_t first = 0;
  ChainReader<Location>::Piece piece;
  while (merged.next(piece)) {
    if (control.stopping()) throw Error("CANCELLED", "the opening of a point was cancelled");
    if (piece.kind == Kind::zero) continue;
    std::vector<uint32_t>& known = numbers[piece.layer];
    if (known.empty())
      for (const PackId& id : merged.column(piece.layer).packs()) known.push_back(packs.number(id));
    for (uint64_t i = 0; i < piece.count; i++) {
      if (batch.size() == kBatch || piece.start + i != first + batch.size()) {
        write(batch, first);
        batch.clear();
        first = piece.start + i;
      }
      const Location& it = piece.entries[i];
      batch.push_back({known.at(it.pack), it.offset, it.length, 0, it.check});
    }
  }
  write(batch, first);
}

void PointMap::write(const std::vector<BlockEntry>& entries, uint64_t first) {
  if (entries.empty()) return;
  write_at(file_.get(), {reinterpret_cast<const uint8_t*>(entries.data()), entries.size() * sizeof(BlockEntry)}, first * sizeof(BlockEntry), "SPOOL_WRITE", path_);
}

void PointMap::read(uint64_t first, std::span<BlockEntry> out) const {
  const uint64_t there = first >= blocks_ ? 0 : std::min<uint64_t>(out.size(), blocks_ - first);
  std::fill(out.begin() + static_cast<ptrdiff_t>(there), out.end(), BlockEntry{});
  if (there == 0) return;
  read_exact(file_.get(), {reinterpret_cast<uint8_t*>(out.data()), there * sizeof(BlockEntry)}, first * sizeof(BlockEntry), "SPOOL_READ", path_);
}

uint64_t PointMap::next(uint64_t block, bool data, uint64_t most) const {
  // Most runs are short, some are very long.
  std::vector<BlockEntry> entries(256);
  for (uint64_t looked = 0; block < blocks_ && looked < most;) {
    // A hole of the file is a long run of zero blocks: it need not be looked through.
    const off_t there = lseek(file_.get(), static_cast<off_t>(block * sizeof(BlockEntry)), SEEK_DATA);
    if (there < 0 && errno == ENXIO) return data ? blocks_ : block;
    const uint64_t found = there < 0 ? block : static_cast<uint64_t>(there) / sizeof(BlockEntry);
    if (found > block) {
      if (!data) return block;
      block = found;
    }
    const auto count = static_cast<size_t>(std::min<uint64_t>(entries.size(), blocks_ - block));
    read(block, {entries.data(), count});
    for (size_t i = 0; i < count; i++)
      if ((entries[i].pack != 0) == data) return block + i;
    block += count;
    looked += count;
    entries.resize(std::min(entries.size() * 2, kBatch));
  }
  return std::min(block, blocks_);
}

}  // namespace strata
