// scrypt (RFC 7914) by libsodium, which does it with the processor's vector instructions: OpenSSL takes half as long again.
#pragma once
#include "bytes.h"

namespace strata {

struct ScryptCost {
  uint64_t n;  // a power of two
  uint32_t r, p;
};

// `out.size()` bytes of key. Takes 128 * n * r bytes of memory meanwhile. Throws NATIVE_ARGUMENT, OUT_OF_MEMORY.
void scrypt(View passphrase, View salt, const ScryptCost& cost, std::span<uint8_t> out);

}  // namespace strata
