// What the packs of a repository are still needed for; typed in src/native.ts.
#include "../core/freed.h"
#include "../core/liveness.h"
#include "function.h"
#include "handle.h"

namespace strata::glue {
namespace {

// Any file can have a pack's name; beyond this a double is no exact number of bytes.
constexpr double kMostPackBytes = 9007199254740991.0;

struct Marking {
  Marking(std::shared_ptr<const Vault> vault, uint64_t pack_size, uint32_t block) : liveness(std::move(vault), pack_size), block_size(block) {}
  Liveness liveness;
  const uint32_t block_size;
};

Napi::Value open_liveness(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const uint64_t pack_size = count(from, "packSize");
  if (pack_size < (1u << 20) || pack_size > (1u << 30)) throw Error("NATIVE_ARGUMENT", "packSize must be from 1 MiB to 1 GiB");
  return to_handle(info.Env(), std::make_shared<Marking>(vault(from.Get("vault")), pack_size, block_size(from)));
}

Napi::Value mark_live(const Info& info) {
  const auto marking = from_handle<Marking>(info[0], "liveness");
  const auto layers = chain(info[1], "chain", marking->block_size);
  const auto control = std::make_shared<Control>();
  return Run::start(
      info.Env(), "strata mark",
      [=](const Run::Post&) -> Run::Deliver {
        const uint64_t blocks = marking->liveness.mark(layers, *control);
        return [blocks](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, static_cast<double>(blocks)); };
      },
      [control] { control->cancel(); });
}

// A million packs in one call: nothing is allocated for a pack.
Napi::Value live_bytes(const Info& info) {
  const Napi::Env env = info.Env();
  const auto marking = from_handle<Marking>(info[0], "liveness");
  const auto ids = object(info[1], "ids").As<Napi::Array>();
  if (!info[2].IsTypedArray() || info[2].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
    throw Error("NATIVE_ARGUMENT", "bytes must be a Float64Array");
  const auto sizes = info[2].As<Napi::Float64Array>();
  const uint32_t length = ids.Length();
  if (sizes.ElementLength() != length) throw Error("NATIVE_ARGUMENT", "ids and bytes must be as many");
  auto out = Napi::Float64Array::New(env, length);
  double* const found = out.Data();
  for (uint32_t i = 0; i < length; i++) {
    const Napi::HandleScope scope(env);
    char digits[2 * sizeof(PackId) + 2];  // of an id that is too long, one digit too many
    size_t digits_read = 0;
    if (napi_get_value_string_latin1(env, ids.Get(i), digits, sizeof digits, &digits_read) != napi_ok)
      throw Error("NATIVE_ARGUMENT", "an id must be a string");
    const double size = sizes.Data()[i];
    if (!(size >= 0 && size <= kMostPackBytes)) throw Error("NATIVE_ARGUMENT", "bytes must be those of a pack");
    const auto id = from_hex<sizeof(PackId)>({digits, digits_read});
    found[i] = static_cast<double>(marking->liveness.bytes(id, static_cast<uint64_t>(size)));
  }
  return out;
}

Napi::Value live_packs(const Info& info) { return strings(info.Env(), hex_all(from_handle<Marking>(info[0], "liveness")->liveness.packs())); }

Napi::Value freed_bytes_of(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const auto key = vault(from.Get("vault"));
  const uint32_t block = block_size(from);
  const auto kept = chains(from, "kept", block), dropped = chains(from, "dropped", block);
  const auto control = std::make_shared<Control>();
  return Run::start(
      info.Env(), "strata freed",
      [=](const Run::Post&) -> Run::Deliver {
        const auto freed = std::make_shared<std::vector<uint64_t>>(freed_bytes(key, kept, dropped, *control));
        return [freed](Napi::Env env) -> Napi::Value {
          auto out = Napi::Float64Array::New(env, freed->size());
          std::copy(freed->begin(), freed->end(), out.Data());
          return out;
        };
      },
      [control] { control->cancel(); });
}

}  // namespace

void add_liveness(Napi::Env env, Napi::Object exports) {
  exports.Set("openLiveness", function(env, "openLiveness", open_liveness));
  exports.Set("markLive", function(env, "markLive", mark_live));
  exports.Set("liveBytes", function(env, "liveBytes", live_bytes));
  exports.Set("livePacks", function(env, "livePacks", live_packs));
  exports.Set("freedBytes", function(env, "freedBytes", freed_bytes_of));
}

}  // namespace strata::glue
