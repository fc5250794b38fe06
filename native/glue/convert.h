// Between JavaScript values and the plain structs of core. All numbers that cross are safe integers; digests and ids are hex.
#pragma once
#include <napi.h>

#include "../core/chain.h"
#include "../core/dedup_index.h"
#include "../core/error.h"
#include "../core/source.h"

namespace strata::glue {

// A JavaScript Error with code, errno and path (src/native.ts, NativeError).
inline Napi::Error to_js(Napi::Env env, const Error& error) {
  Napi::Error out = Napi::Error::New(env, error.what());
  out.Set("code", Napi::String::New(env, error.code()));
  if (error.system() != 0) out.Set("errno", Napi::Number::New(env, error.system()));
  if (!error.path().empty()) out.Set("path", Napi::String::New(env, error.path()));
  return out;
}

// What any exception of core means; memory is the only failure that has no code of its own.
inline Error to_error(std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error("OUT_OF_MEMORY", "the machine has no memory left");
  } catch (const std::exception& error) {
    return Error("OUT_OF_MEMORY", error.what());
  }
}

inline Napi::Object object(const Napi::Value& value, const char* what) {
  if (!value.IsObject()) throw Error("NATIVE_ARGUMENT", std::string(what) + " must be an object");
  return value.As<Napi::Object>();
}

inline std::string text(const Napi::Object& from, const char* name) {
  const Napi::Value it = from.Get(name);
  if (!it.IsString()) throw Error("NATIVE_ARGUMENT", std::string(name) + " must be a string");
  return it.As<Napi::String>().Utf8Value();
}

inline double number(const Napi::Value& value, const char* what) {
  if (!value.IsNumber()) throw Error("NATIVE_ARGUMENT", std::string(what) + " must be a number");
  return value.As<Napi::Number>().DoubleValue();
}

inline double number(const Napi::Object& from, const char* name) { return number(from.Get(name), name); }

inline uint64_t count(const Napi::Value& value, const char* name) {
  const double it = number(value, name);
  if (!(it >= 0 && it <= 9007199254740991.0) || it != static_cast<double>(static_cast<uint64_t>(it)))
    throw Error("NATIVE_ARGUMENT", std::string(name) + " must be a whole number of at least 0");
  return static_cast<uint64_t>(it);
}

inline uint64_t count(const Napi::Object& from, const char* name) { return count(from.Get(name), name); }

inline View bytes(const Napi::Value& value, const char* what) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Error("NATIVE_ARGUMENT", std::string(what) + " must be a Uint8Array");
  const auto it = value.As<Napi::Uint8Array>();
  return {it.Data(), it.ByteLength()};
}

template <size_t Size>
std::array<uint8_t, Size> from_hex(const std::string& digits) {
  std::array<uint8_t, Size> out;
  unhex(digits, out);
  return out;
}

inline std::vector<PackId> pack_ids(const Napi::Object& from, const char* name) {
  const auto list = object(from.Get(name), name).As<Napi::Array>();
  std::vector<PackId> out;
  for (uint32_t i = 0; i < list.Length(); i++) out.push_back(from_hex<16>(list.Get(i).ToString().Utf8Value()));
  return out;
}

inline uint32_t block_size(const Napi::Object& from) {
  const uint64_t it = count(from, "blockSize");
  if (it < 4096 || it > (64u << 20) || (it & (it - 1)) != 0) throw Error("NATIVE_ARGUMENT", "blockSize must be a power of two from 4 KiB to 64 MiB");
  return static_cast<uint32_t>(it);
}

inline ColumnRef column(const Napi::Object& from) {
  const uint64_t length = count(from, "indexLength");
  if (length > kFrameHeader + kMaxRaw) throw Error("MAP_DAMAGED", "a block map's index of an impossible length");
  return {text(from, "path"), count(from, "indexOffset"), static_cast<uint32_t>(length), from_hex<32>(text(from, "indexDigest"))};
}

inline std::vector<Layer> chain(const Napi::Value& value, const char* what, uint32_t block) {
  const auto list = object(value, what).As<Napi::Array>();
  std::vector<Layer> out;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Object layer = object(list.Get(i), "a layer");
    out.push_back({column(object(layer.Get("loc"), "loc")), column(object(layer.Get("dig"), "dig")), (count(layer, "size") + block - 1) / block});
  }
  return out;
}

inline std::vector<Layer> chain(const Napi::Object& from, const char* name, uint32_t block) { return chain(from.Get(name), name, block); }

inline std::vector<std::vector<Layer>> chains(const Napi::Object& from, const char* name, uint32_t block) {
  const auto list = object(from.Get(name), name).As<Napi::Array>();
  std::vector<std::vector<Layer>> out;
  for (uint32_t i = 0; i < list.Length(); i++) out.push_back(chain(list.Get(i), name, block));
  return out;
}

inline std::shared_ptr<const Vault> vault(const Napi::Value& value) {
  if (!value.IsExternal()) throw Error("NATIVE_ARGUMENT", "vault must come from createVault");
  return *value.As<Napi::External<std::shared_ptr<const Vault>>>().Data();
}

// Offset, length, offset, length …: ascending, apart, within `size`.
inline std::vector<Range> ranges(const Napi::Object& from, const char* name, uint64_t size) {
  const Napi::Value value = from.Get(name);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
    throw Error("NATIVE_ARGUMENT", std::string(name) + " must be a Float64Array");
  const auto list = value.As<Napi::Float64Array>();
  std::vector<Range> out;
  uint64_t end = 0;
  for (size_t i = 0; i + 1 < list.ElementLength(); i += 2) {
    const double offset = list[i], length = list[i + 1];
    if (!(offset >= static_cast<double>(end) && length > 0 && offset + length <= static_cast<double>(size)))
      throw Error("NATIVE_ARGUMENT", std::string(name) + " must ascend within the size");
    out.push_back({static_cast<uint64_t>(offset), static_cast<uint64_t>(length)});
    end = out.back().offset + out.back().length;
  }
  return out;
}

inline Napi::Value pairs(Napi::Env env, const std::vector<Range>& ranges) {
  auto out = Napi::Array::New(env, ranges.size());
  for (uint32_t i = 0; i < ranges.size(); i++) {
    auto pair = Napi::Array::New(env, 2);
    pair.Set(0u, Napi::Number::New(env, static_cast<double>(ranges[i].offset)));
    pair.Set(1u, Napi::Number::New(env, static_cast<double>(ranges[i].length)));
    out.Set(i, pair);
  }
  return out;
}

inline void put(Napi::Object& to, const char* name, uint64_t value) { to.Set(name, Napi::Number::New(to.Env(), static_cast<double>(value))); }

inline std::vector<std::string> hex_all(const std::vector<PackId>& ids) {
  std::vector<std::string> out;
  for (const PackId& it : ids) out.push_back(hex(it));
  return out;
}

inline Napi::Array strings(Napi::Env env, const std::vector<std::string>& from) {
  auto out = Napi::Array::New(env, from.size());
  for (uint32_t i = 0; i < from.size(); i++) out.Set(i, Napi::String::New(env, from[i]));
  return out;
}

inline Napi::Object written_column(Napi::Env env, const WrittenColumn& from) {
  auto out = Napi::Object::New(env);
  out.Set("path", from.path);
  put(out, "bytes", from.bytes);
  put(out, "indexOffset", from.index_offset);
  put(out, "indexLength", from.index_length);
  out.Set("indexDigest", hex(from.index_digest));
  return out;
}

}  // namespace strata::glue
