// Frames: a block's, page's or record's stored form (docs/format.md, Frames). A Vault holds the keys; a FrameCodec does the work of one thread.
#pragma once
#include <memory>
#include <optional>

#include "hash.h"

typedef struct ZSTD_CCtx_s ZSTD_CCtx;
typedef struct ZSTD_DCtx_s ZSTD_DCtx;
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;

namespace strata {

enum class FrameType : uint8_t { block = 1, location, digest, map_index, pack_index, record };
inline constexpr size_t kFrameTypes = 6;
inline constexpr size_t kFrameHeader = 80;
// No raw content is larger: an index of 64 MiB describes a dense disk of 256 TiB.
inline constexpr size_t kMaxRaw = 256u << 20;

struct Vault {
  Vault(View master, bool sealed);
  std::array<Digest, kFrameTypes + 1> digest_keys;
  Digest frame_root, quick_key;
  bool sealed;
};

struct FrameHeader {
  FrameType type;
  uint8_t codec, seal;
  uint32_t raw_length, payload_length;
  Digest digest;
  size_t whole() const { return kFrameHeader + payload_length; }
};

// The header, or nothing when the bytes are not one (magic, version, check sum, limits).
std::optional<FrameHeader> parse_frame_header(View bytes);

enum class Check { fast, digest };

class FrameCodec {
 public:
  explicit FrameCodec(std::shared_ptr<const Vault> vault);
  ~FrameCodec();
  FrameCodec(const FrameCodec&) = delete;
  FrameCodec& operator=(const FrameCodec&) = delete;

  Digest digest(FrameType type, View raw);

  // GMAC of a block's raw bytes under a key of its own: several times faster than a digest, as safe against chance, and kept under a seal.
  QuickCheck quick_check(View raw);

  // Appends the frame of `raw` to `out`; returns its length.
  size_t seal(FrameType type, View context, View raw, const Digest& digest, int level, Bytes& out);

  // Opens one whole frame into `out` (resized). Throws FRAME_DAMAGED. `Check::digest` also computes the digest anew; an unsealed frame always is.
  FrameHeader open(FrameType type, View context, View frame, Bytes& out, Check check);

 private:
  bool crypt(bool encrypt, View header, View context, View in, uint8_t* out, uint8_t* tag);
  void decode(const FrameHeader& header, View payload, Bytes& out);

  struct Free {
    void operator()(ZSTD_CCtx* it) const;
    void operator()(ZSTD_DCtx* it) const;
    void operator()(EVP_CIPHER_CTX* it) const;
  };
  std::shared_ptr<const Vault> vault_;
  std::array<std::optional<Hmac>, kFrameTypes + 1> digests_;
  Hmac frame_keys_;
  std::unique_ptr<ZSTD_CCtx, Free> compressor_;
  std::unique_ptr<ZSTD_DCtx, Free> decompressor_;
  std::unique_ptr<EVP_CIPHER_CTX, Free> encryptor_, decryptor_, checker_;
  Bytes scratch_;
};

}  // namespace strata
