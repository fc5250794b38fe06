#include "scrypt.h"

#include <sodium.h>

#include <cerrno>

#include "error.h"

namespace strata {

void scrypt(View passphrase, View salt, const ScryptCost& cost, std::span<uint8_t> out) {
  // Finds out what the processor can do; harmless when it was done before.
  static const bool ready = sodium_init() >= 0;
  if (!ready) throw Error("OUT_OF_MEMORY", "libsodium could not be started");
  const auto derived = crypto_pwhash_scryptsalsa208sha256_ll(passphrase.data(), passphrase.size(), salt.data(), salt.size(), cost.n, cost.r, cost.p, out.data(),
                                                             out.size());
  if (derived == 0) return;
  if (errno == ENOMEM) throw Error("OUT_OF_MEMORY", "there is not enough memory to derive a key from the passphrase", errno);
  throw Error("NATIVE_ARGUMENT", "scrypt does not take such costs");
}

}  // namespace strata
