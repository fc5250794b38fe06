#include "range_copy.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace strata {
namespace {

constexpr size_t kRead = 1 << 20;
// Less than this is copied: a shared range costs an extent in both files, and padding.
constexpr uint64_t kLeastBlocks = 4;
constexpr uint64_t kLargestBlock = 64 << 10;
// Of less than this a call to the kernel costs more than reading into the buffer.
constexpr uint64_t kLeastInKernel = 256 << 10;

}  // namespace

void RangeCopy::find_out(Appender& to, const PackObject& from) {
  found_out_ = true;
  // A kernel that copies may share blocks of its own accord.
  in_kernel_ = clone_ != Clone::never && from.file() >= 0;
  if (clone_ == Clone::never) return;
  const int error = from.file() < 0 ? EXDEV : to.shares_with(from.file());
  if (error != 0) return refused(to, error);
  // A network file system names what it likes to write at once: what it shares in is less.
  block_ = std::min(to.file_system_block(), kLargestBlock);
}

void RangeCopy::refused(const Appender& to, int error) {
  block_ = 0;
  if (clone_ != Clone::require) return;
  const std::string folder = std::filesystem::path(to.path()).parent_path();
  throw Error("CLONE_UNSUPPORTED", "no blocks can be shared in " + folder, error, folder);
}

// Bytes that can be shared of a range: from the first edge of a block in it to the last.
uint64_t RangeCopy::whole_blocks(uint64_t offset, uint64_t length) const {
  const uint64_t first = (offset + block_ - 1) / block_ * block_, end = (offset + length) / block_ * block_;
  return end > first && end - first >= kLeastBlocks * block_ ? end - first : 0;
}

uint64_t RangeCopy::padding(uint64_t size, uint64_t offset, uint64_t length) const {
  if (block_ == 0 || whole_blocks(offset, length) == 0) return 0;
  return (offset % block_ + block_ - size % block_) % block_;
}

void RangeCopy::append(Appender& to, PackRange from) {
  const uint64_t shared = block_ != 0 && to.size() % block_ == from.offset % block_ ? whole_blocks(from.offset, from.length) : 0;
  if (shared == 0) return copy(to, from);
  const uint64_t head = (block_ - from.offset % block_) % block_;
  copy(to, {from.pack, from.offset, head});
  const int error = to.append_shared(from.pack.file(), from.offset + head, shared);
  if (error != 0) {
    refused(to, error);
    return copy(to, {from.pack, from.offset + head, from.length - head});
  }
  cloned_ += shared;
  copy(to, {from.pack, from.offset + head + shared, from.length - head - shared});
}

void RangeCopy::copy(Appender& to, PackRange from) {
  const auto advance = [&](uint64_t done) {
    from.offset += done;
    from.length -= done;
    copied_ += done;
  };
  if (in_kernel_ && from.length >= kLeastInKernel) {
    advance(to.append_in_kernel(from.pack.file(), from.offset, from.length));
    // It refuses for the two file systems, not for the range, so it need not be asked again.
    in_kernel_ = from.length == 0;
  }
  while (from.length > 0) {
    buffer_.resize(std::min<uint64_t>(from.length, kRead));
    from.pack.read_exact(buffer_, from.offset);
    to.append(buffer_);
    advance(buffer_.size());
  }
}

}  // namespace strata
