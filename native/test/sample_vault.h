// Vaults under the fixed master key 00 01 02 … 1f.
#pragma once
#include <memory>
#include <numeric>

#include "frame.h"

namespace strata::test {

inline std::shared_ptr<const Vault> sample_vault(bool sealed, uint8_t first = 0) {
  Digest master;
  std::iota(master.begin(), master.end(), first);
  return std::make_shared<Vault>(master, sealed);
}

inline View view(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

}  // namespace strata::test
