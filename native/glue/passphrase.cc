// Keys from passphrases; typed in src/native.ts.
#include "../core/scrypt.h"
#include "function.h"

namespace strata::glue {
namespace {

constexpr size_t kMostKey = 64;

Bytes copy_of(View from) { return {from.begin(), from.end()}; }

uint32_t factor(const Napi::Object& from, const char* name) {
  const uint64_t it = count(from, name);
  if (it > UINT32_MAX) throw Error("NATIVE_ARGUMENT", std::string(name) + " is too large");
  return static_cast<uint32_t>(it);
}

Napi::Value derive_key(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const ScryptCost cost{count(from, "N"), factor(from, "r"), factor(from, "p")};
  const uint64_t length = count(from, "length");
  if (length == 0 || length > kMostKey) throw Error("NATIVE_ARGUMENT", "length must be from 1 to 64");
  return Run::start(
      info.Env(), "strata passphrase",
      [cost, length, passphrase = copy_of(bytes(from.Get("passphrase"), "passphrase")), salt = copy_of(bytes(from.Get("salt"), "salt"))](
          const Run::Post&) -> Run::Deliver {
        Bytes key(length);
        scrypt(passphrase, salt, cost, key);
        return [key = std::move(key)](Napi::Env env) -> Napi::Value { return Napi::Buffer<uint8_t>::Copy(env, key.data(), key.size()); };
      },
      [] {});
}

}  // namespace

void add_passphrase(Napi::Env env, Napi::Object exports) { exports.Set("deriveKey", function(env, "deriveKey", derive_key)); }

}  // namespace strata::glue
