// Little-endian and varint coding, and a reader that checks every bound: all structure from disk is decoded through it.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "error.h"

namespace strata {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format is little-endian and stored with memcpy");

using Bytes = std::vector<uint8_t>;
using View = std::span<const uint8_t>;
using Digest = std::array<uint8_t, 32>;
using PackId = std::array<uint8_t, 16>;
using QuickCheck = std::array<uint8_t, 16>;

inline uint64_t zigzag(int64_t n) { return (static_cast<uint64_t>(n) << 1) ^ static_cast<uint64_t>(n >> 63); }
inline int64_t unzigzag(uint64_t n) { return static_cast<int64_t>(n >> 1) ^ -static_cast<int64_t>(n & 1); }

template <typename T>
void put(Bytes& out, T value) {
  const auto* from = reinterpret_cast<const uint8_t*>(&value);
  out.insert(out.end(), from, from + sizeof value);
}

inline void put_bytes(Bytes& out, View from) { out.insert(out.end(), from.begin(), from.end()); }

inline void put_varint(Bytes& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<uint8_t>(value) | 0x80);
    value >>= 7;
  }
  out.push_back(static_cast<uint8_t>(value));
}

// Reads forward through untrusted bytes; `code` is the error thrown when they end early or make no sense.
class Reader {
 public:
  Reader(View bytes, const char* code) : at_(bytes.data()), end_(bytes.data() + bytes.size()), code_(code) {}

  size_t left() const { return static_cast<size_t>(end_ - at_); }

  View take(size_t count) {
    if (count > left()) fail("it ends too early");
    View out(at_, count);
    at_ += count;
    return out;
  }

  template <typename T>
  T get() {
    T value;
    memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      const uint8_t byte = get<uint8_t>();
      if (shift == 63 && byte > 1) break;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    fail("a number in it is too long");
  }

  [[noreturn]] void fail(const char* why) const { throw Error(code_, std::string("a structure is damaged: ") + why); }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
  const char* code_;
};

inline std::string hex(View bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 15]);
  }
  return out;
}

// Exactly `out.size()` bytes from hex digits of either case.
inline void unhex(const std::string& text, std::span<uint8_t> out) {
  const auto digit = [&](char c) -> uint8_t {
    if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<uint8_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<uint8_t>(c - 'A' + 10);
    throw Error("NATIVE_ARGUMENT", "not a hex number: " + text);
  };
  if (text.size() != out.size() * 2) throw Error("NATIVE_ARGUMENT", "a hex number of the wrong length: " + text);
  for (size_t i = 0; i < out.size(); i++) out[i] = static_cast<uint8_t>(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
}

}  // namespace strata
