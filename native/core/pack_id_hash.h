// Pack ids as keys of hash tables: a run's random bytes, and a number that counts its packs.
#pragma once
#include "bytes.h"

namespace strata {

struct PackIdHash {
  size_t operator()(const PackId& id) const {
    uint64_t run;
    uint32_t number;
    memcpy(&run, id.data(), sizeof run);
    memcpy(&number, id.data() + 12, sizeof number);
    // Spreads the packs of one run, whose numbers differ in their last byte only, over all bits.
    const uint64_t mixed = (run ^ number) * 0x9e3779b97f4a7c15;
    return mixed ^ mixed >> 32;
  }
};

}  // namespace strata
