// Chance that falls the same way in every run: a test that fails once fails again.
#pragma once
#include <random>

#include "bytes.h"

namespace strata::test {

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}

  uint64_t next() { return engine_(); }
  uint64_t below(uint64_t limit) { return engine_() % limit; }
  uint64_t between(uint64_t least, uint64_t most) { return least + below(most - least + 1); }
  bool chance(unsigned percent) { return below(100) < percent; }

  Bytes bytes(size_t count) {
    Bytes out(count);
    for (uint8_t& it : out) it = static_cast<uint8_t>(engine_());
    return out;
  }
  Digest digest() {
    Digest out;
    for (size_t i = 0; i < out.size(); i += 8) {
      const uint64_t part = engine_();
      memcpy(out.data() + i, &part, sizeof part);
    }
    return out;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace strata::test
