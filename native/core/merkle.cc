#include "merkle.h"

#include <algorithm>

namespace strata {
namespace {

Digest node_of(size_t level, const std::vector<Digest>& children) {
  Bytes text;
  text.reserve(1 + children.size() * sizeof(Digest));
  text.push_back(static_cast<uint8_t>(level));
  for (const Digest& it : children) put_bytes(text, it);
  return sha256(text);
}

constexpr uint64_t width_of(size_t level) { return level >= 8 ? UINT64_MAX : uint64_t{1} << (8 * level); }

}  // namespace

Merkle::Merkle() {
  zero_[0].fill(0);
  for (size_t level = 1; level < kLevels; level++) zero_[level] = node_of(level, std::vector<Digest>(kFanout, zero_[level - 1]));
}

void Merkle::push(size_t level, const Digest& node) {
  if (level == 0) leaves_++;
  auto& open = open_[level];
  open.push_back(node);
  if (open.size() < kFanout) return;
  const bool zeros = std::all_of(open.begin(), open.end(), [&](const Digest& it) { return it == zero_[level]; });
  const Digest parent = zeros ? zero_[level + 1] : node_of(level + 1, open);
  open.clear();
  push(level + 1, parent);
}

void Merkle::zeros(uint64_t count) {
  while (count > 0) {
    // The largest zero subtree that starts here and fits.
    size_t level = 0;
    while (level + 2 < kLevels && open_[level].empty() && width_of(level + 1) <= count) level++;
    if (level > 0) leaves_ += width_of(level);
    push(level, zero_[level]);
    count -= width_of(level);
  }
}

Digest Merkle::root(uint64_t size, uint32_t block_size) {
  const uint64_t blocks = (size + block_size - 1) / block_size;
  if (leaves_ > blocks) throw Error("NATIVE_ARGUMENT", "more blocks than the disk has");
  zeros(blocks - leaves_);
  size_t top = 1;
  while (width_of(top) < blocks) top++;
  for (size_t level = 0; level < top; level++) {
    auto& open = open_[level];
    if (open.empty()) continue;
    while (!open.empty()) push(level, zero_[level]);
  }
  const Digest& node = open_[top].empty() ? zero_[top] : open_[top].front();
  Bytes text;
  static constexpr char kLabel[] = "strata root 1";
  text.insert(text.end(), kLabel, kLabel + sizeof kLabel - 1);
  put(text, size);
  put(text, block_size);
  put_bytes(text, node);
  return sha256(text);
}

}  // namespace strata
