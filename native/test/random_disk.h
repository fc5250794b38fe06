// Disks in memory: sparse, partly compressible, with content that repeats; and what happens to them between two backups.
#pragma once
#include <algorithm>

#include "dice.h"

namespace strata::test {

inline void scribble(Dice& dice, Bytes& disk, size_t at, size_t length) {
  length = std::min(length, disk.size() - at);
  const auto place = disk.begin() + static_cast<ptrdiff_t>(at);
  const uint64_t kind = dice.below(10);
  if (kind < 2) {
    std::fill_n(place, length, 0);
  } else if (kind < 4) {
    std::fill_n(place, length, static_cast<uint8_t>(dice.next()));
  } else if (kind < 6 && disk.size() > length) {
    const Bytes copy(disk.begin(), disk.end());
    std::copy_n(copy.begin() + static_cast<ptrdiff_t>(dice.below(disk.size() - length) / 4096 * 4096), length, place);
  } else {
    for (size_t i = 0; i < length; i++) place[static_cast<ptrdiff_t>(i)] = static_cast<uint8_t>(kind < 8 ? "strata "[dice.below(7)] : dice.next());
  }
}

inline Bytes random_disk(Dice& dice, size_t size) {
  Bytes disk(size);
  for (size_t at = 0; at < size;) {
    const size_t length = dice.between(1, dice.chance(30) ? 200'000 : 20'000);
    if (dice.chance(55)) scribble(dice, disk, at, length);
    at += length;
  }
  return disk;
}

// A few places change; the size may too.
inline void change(Dice& dice, Bytes& disk) {
  if (dice.chance(40)) disk.resize(dice.between(0, 2'000'000));
  if (disk.empty()) return;
  for (uint64_t places = dice.below(12); places > 0; places--) scribble(dice, disk, dice.below(disk.size()), dice.between(1, 50'000));
}

}  // namespace strata::test
