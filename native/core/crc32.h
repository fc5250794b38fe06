// CRC-32 (IEEE 802.3, reflected, as in zlib), for the 76 bytes of a frame header; a table is quick enough for that.
#pragma once
#include <array>
#include <cstdint>

#include "bytes.h"

namespace strata {

inline uint32_t crc32(View bytes) {
  static constexpr auto table = [] {
    std::array<uint32_t, 256> out{};
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? 0xEDB88320u : 0u);
      out[i] = value;
    }
    return out;
  }();
  uint32_t value = 0xFFFFFFFFu;
  for (const uint8_t byte : bytes) value = (value >> 8) ^ table[(value ^ byte) & 0xff];
  return ~value;
}

}  // namespace strata
