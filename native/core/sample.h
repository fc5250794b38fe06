// A sample of a disk's blocks, spread evenly: the same seed takes the same blocks, whatever the order of threads.
#pragma once
#include <cstdint>

namespace strata {

struct Sample {
  double percent = 100;
  uint64_t seed = 0;

  bool takes(uint64_t block) const {
    if (percent >= 100) return true;
    uint64_t mixed = (block + 1) * 0x9E3779B97F4A7C15ull ^ seed;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9ull;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBull;
    return static_cast<double>(mixed >> 11) / static_cast<double>(uint64_t{1} << 53) * 100 < percent;
  }
};

}  // namespace strata
