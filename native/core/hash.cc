#include "hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace strata {

Digest sha256(View bytes) {
  Digest out;
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &length, EVP_sha256(), nullptr) != 1 || length != out.size())
    throw Error("OUT_OF_MEMORY", "SHA-256 failed");
  return out;
}

void Hmac::Free::operator()(EVP_MAC_CTX* it) const { EVP_MAC_CTX_free(it); }

Hmac::Hmac(View key) {
  static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  if (mac != nullptr) context_.reset(EVP_MAC_CTX_new(mac));
  char name[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_construct_end()};
  if (!context_ || EVP_MAC_init(context_.get(), key.data(), key.size(), params) != 1)
    throw Error("OUT_OF_MEMORY", "HMAC-SHA-256 is not available");
}

Digest Hmac::of(View bytes) {
  Digest out;
  size_t length = 0;
  // No key: starts again under the one given before.
  if (EVP_MAC_init(context_.get(), nullptr, 0, nullptr) != 1 || EVP_MAC_update(context_.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_MAC_final(context_.get(), out.data(), &length, out.size()) != 1 || length != out.size())
    throw Error("OUT_OF_MEMORY", "HMAC-SHA-256 failed");
  return out;
}

}  // namespace strata
