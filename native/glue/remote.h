// Where packs lie, as JavaScript names it: a folder, or objects that it fetches.
#pragma once
#include "../core/pack_object.h"
#include "handle.h"
#include "convert.h"

namespace strata::glue {

inline std::shared_ptr<Remote> remote_of(const Napi::Object& from) {
  const Napi::Value it = from.Get("remote");
  return it.IsUndefined() || it.IsNull() ? nullptr : from_handle<Remote>(it, "remote");
}

inline PackPlace pack_place(const Napi::Object& options) {
  const Napi::Object from = object(options.Get("packs"), "packs");
  return {text(from, "folder"), remote_of(from)};
}

inline PackFile pack_file(const Napi::Value& value) {
  const Napi::Object it = object(value, "a pack");
  return {from_hex<16>(text(it, "id")), text(it, "path"), count(it, "bytes"), remote_of(it)};
}

inline std::vector<PackFile> pack_files(const Napi::Object& from, const char* name) {
  const auto list = object(from.Get(name), name).As<Napi::Array>();
  std::vector<PackFile> out;
  for (uint32_t i = 0; i < list.Length(); i++) out.push_back(pack_file(list.Get(i)));
  return out;
}

}  // namespace strata::glue
