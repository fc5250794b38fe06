// SHA-256 and HMAC-SHA-256 by OpenSSL 3 (inside Node: the one that Node carries and exports).
#pragma once
#include <memory>

#include "bytes.h"

typedef struct evp_mac_ctx_st EVP_MAC_CTX;

namespace strata {

Digest sha256(View bytes);

// HMAC-SHA-256 under one key, for one thread.
class Hmac {
 public:
  explicit Hmac(View key);
  Digest of(View bytes);

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* it) const;
  };
  std::unique_ptr<EVP_MAC_CTX, Free> context_;
};

}  // namespace strata
