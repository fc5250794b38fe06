// The deduplication index as JavaScript holds it, and the places that it passes over.
#pragma once
#include "../core/dedup_index.h"
#include "convert.h"

namespace strata::glue {

using Index = std::shared_ptr<DedupIndex>;

inline std::vector<BadPlace> bad_places(const Napi::Object& from, const char* name) {
  const auto list = object(from.Get(name), name).As<Napi::Array>();
  std::vector<BadPlace> out;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Object it = object(list.Get(i), "a place");
    const uint64_t offset = count(it, "offset");
    if (offset > UINT32_MAX) throw Error("NATIVE_ARGUMENT", "no pack reaches to offset " + std::to_string(offset));
    out.push_back({from_hex<16>(text(it, "pack")), static_cast<uint32_t>(offset)});
  }
  return out;
}

inline Napi::Array places_to_js(Napi::Env env, const std::vector<BadPlace>& from) {
  auto out = Napi::Array::New(env, from.size());
  for (uint32_t i = 0; i < from.size(); i++) {
    auto one = Napi::Object::New(env);
    one.Set("pack", hex(from[i].pack));
    put(one, "offset", from[i].offset);
    out.Set(i, one);
  }
  return out;
}

inline Index open_index(const Napi::Value& value) {
  const Index it = *object(value, "dedup").Get("handle").As<Napi::External<std::shared_ptr<Index>>>().Data()->get();
  if (!it) throw Error("NATIVE_ARGUMENT", "the index is closed");
  return it;
}

}  // namespace strata::glue
