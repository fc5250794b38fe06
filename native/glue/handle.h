// What JavaScript holds of a shared object of core: opaque, and tagged with its type, so that one handle cannot pass for another.
#pragma once
#include <napi.h>

#include <memory>

#include "../core/error.h"

namespace strata::glue {

template <typename T>
napi_type_tag tag_of() {
  static const char place = 0;  // one a type
  return {0x537472617461, reinterpret_cast<uintptr_t>(&place)};
}

template <typename T>
Napi::Value to_handle(Napi::Env env, std::shared_ptr<T> it) {
  auto out = Napi::External<std::shared_ptr<T>>::New(env, new std::shared_ptr<T>(std::move(it)), [](Napi::Env, std::shared_ptr<T>* done) { delete done; });
  const napi_type_tag tag = tag_of<T>();
  napi_type_tag_object(env, out, &tag);
  return out;
}

template <typename T>
std::shared_ptr<T>& held_by(const Napi::Value& value, const char* what) {
  const napi_type_tag tag = tag_of<T>();
  bool fits = false;
  if (!value.IsExternal() || napi_check_object_type_tag(value.Env(), value, &tag, &fits) != napi_ok || !fits)
    throw Error("NATIVE_ARGUMENT", std::string(what) + " is not such a handle");
  return *value.As<Napi::External<std::shared_ptr<T>>>().Data();
}

template <typename T>
std::shared_ptr<T> from_handle(const Napi::Value& value, const char* what) {
  const std::shared_ptr<T> held = held_by<T>(value, what);
  if (!held) throw Error("NATIVE_ARGUMENT", std::string(what) + " is closed");
  return held;
}

}  // namespace strata::glue
