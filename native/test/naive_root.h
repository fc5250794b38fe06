// The root of a disk as docs/format.md defines it, top down and without any cleverness but that empty parts are not walked through.
#pragma once
#include <map>

#include "hash.h"

namespace strata::test {

using Leaves = std::map<uint64_t, Digest>;  // the data blocks

inline Digest naive_zero(unsigned level) {
  if (level == 0) return Digest{};
  Bytes text = {static_cast<uint8_t>(level)};
  const Digest child = naive_zero(level - 1);
  for (int i = 0; i < 256; i++) put_bytes(text, child);
  return sha256(text);
}

inline Digest naive_node(const Leaves& leaves, unsigned level, uint64_t first) {
  const auto next = leaves.lower_bound(first);
  if (level == 0) return next != leaves.end() && next->first == first ? next->second : Digest{};
  const uint64_t child_blocks = uint64_t{1} << (8 * (level - 1));
  if (next == leaves.end() || next->first - first >= child_blocks * 256) return naive_zero(level);
  Bytes text = {static_cast<uint8_t>(level)};
  for (uint64_t i = 0; i < 256; i++) put_bytes(text, naive_node(leaves, level - 1, first + i * child_blocks));
  return sha256(text);
}

inline Digest naive_root(const Leaves& leaves, uint64_t size, uint32_t block_size) {
  const uint64_t blocks = (size + block_size - 1) / block_size;
  unsigned level = 1;
  while (level < 7 && uint64_t{1} << (8 * level) < blocks) level++;
  const std::string label = "strata root 1";
  Bytes text(label.begin(), label.end());
  put(text, size);
  put(text, block_size);
  put_bytes(text, naive_node(leaves, level, 0));
  return sha256(text);
}

}  // namespace strata::test
