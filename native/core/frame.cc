#include "frame.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <zstd.h>

#include "crc32.h"

namespace strata {
namespace {

constexpr uint8_t kMagic[4] = {'S', 'F', 'R', 'M'};
constexpr uint8_t kVersion = 1, kStored = 0, kZstd = 1;
constexpr size_t kAuthenticated = 48, kNonce = 48, kNonceLength = 12, kTag = 60, kTagLength = 16, kCrc = 76;

[[noreturn]] void damaged(const char* why) { throw Error("FRAME_DAMAGED", std::string("a frame is damaged: ") + why); }

View text(const char* it) { return {reinterpret_cast<const uint8_t*>(it), strlen(it)}; }

}  // namespace

Vault::Vault(View master, bool sealed_) : sealed(sealed_) {
  Hmac derive(master);
  for (size_t type = 1; type <= kFrameTypes; type++) {
    Bytes label;
    put_bytes(label, text("strata digest 1 "));
    label.push_back(static_cast<uint8_t>(type));
    digest_keys[type] = derive.of(label);
  }
  frame_root = derive.of(text("strata frame 1"));
  quick_key = derive.of(text("strata quick check 1"));
}

std::optional<FrameHeader> parse_frame_header(View bytes) {
  if (bytes.size() < kFrameHeader || memcmp(bytes.data(), kMagic, sizeof kMagic) != 0 || bytes[4] != kVersion) return {};
  uint32_t crc;
  memcpy(&crc, bytes.data() + kCrc, sizeof crc);
  if (crc != crc32(bytes.first(kCrc))) return {};
  FrameHeader out{};
  if (bytes[5] < 1 || bytes[5] > kFrameTypes || bytes[6] > kZstd || bytes[7] > 1) return {};
  out.type = static_cast<FrameType>(bytes[5]);
  out.codec = bytes[6];
  out.seal = bytes[7];
  memcpy(&out.raw_length, bytes.data() + 8, 4);
  memcpy(&out.payload_length, bytes.data() + 12, 4);
  memcpy(out.digest.data(), bytes.data() + 16, out.digest.size());
  if (out.raw_length > kMaxRaw || out.payload_length > out.raw_length) return {};
  if (out.codec == kStored && out.payload_length != out.raw_length) return {};
  return out;
}

void FrameCodec::Free::operator()(ZSTD_CCtx* it) const { ZSTD_freeCCtx(it); }
void FrameCodec::Free::operator()(ZSTD_DCtx* it) const { ZSTD_freeDCtx(it); }
void FrameCodec::Free::operator()(EVP_CIPHER_CTX* it) const { EVP_CIPHER_CTX_free(it); }

FrameCodec::FrameCodec(std::shared_ptr<const Vault> vault) : vault_(std::move(vault)), frame_keys_(vault_->frame_root) {
  // The cipher is set once; each frame then gives only its key and nonce.
  for (auto* side : {&encryptor_, &decryptor_}) {
    side->reset(EVP_CIPHER_CTX_new());
    if (!*side || EVP_CipherInit_ex2(side->get(), EVP_aes_256_gcm(), nullptr, nullptr, side == &encryptor_, nullptr) != 1)
      throw Error("OUT_OF_MEMORY", "AES-256-GCM is not available");
  }
}

FrameCodec::~FrameCodec() = default;

QuickCheck FrameCodec::quick_check(View raw) {
  if (!checker_) {
    checker_.reset(EVP_CIPHER_CTX_new());
    if (!checker_ || EVP_CipherInit_ex2(checker_.get(), EVP_aes_256_gcm(), vault_->quick_key.data(), nullptr, 1, nullptr) != 1)
      throw Error("OUT_OF_MEMORY", "AES-256-GCM is not available");
  }
  static constexpr uint8_t nonce[kNonceLength] = {};
  QuickCheck out;
  uint8_t rest[16];
  int length = 0;
  if (EVP_CipherInit_ex2(checker_.get(), nullptr, nullptr, nonce, 1, nullptr) != 1 ||
      EVP_CipherUpdate(checker_.get(), nullptr, &length, raw.data(), static_cast<int>(raw.size())) != 1 ||
      EVP_CipherFinal_ex(checker_.get(), rest, &length) != 1 ||
      EVP_CIPHER_CTX_ctrl(checker_.get(), EVP_CTRL_AEAD_GET_TAG, kTagLength, out.data()) != 1)
    throw Error("OUT_OF_MEMORY", "GMAC failed");
  return out;
}

Digest FrameCodec::digest(FrameType type, View raw) {
  const auto index = static_cast<size_t>(type);
  auto& hmac = digests_[index];
  if (!hmac) hmac.emplace(vault_->digest_keys[index]);
  return hmac->of(raw);
}

bool FrameCodec::crypt(bool encrypt, View header, View context, View in, uint8_t* out, uint8_t* tag) {
  Digest digest;
  memcpy(digest.data(), header.data() + 16, digest.size());
  const Digest key = frame_keys_.of(digest);
  EVP_CIPHER_CTX* const it = (encrypt ? encryptor_ : decryptor_).get();
  int length = 0;
  bool good = EVP_CipherInit_ex2(it, nullptr, key.data(), header.data() + kNonce, encrypt, nullptr) == 1 &&
              EVP_CipherUpdate(it, nullptr, &length, header.data(), kAuthenticated) == 1;
  if (good && !context.empty()) good = EVP_CipherUpdate(it, nullptr, &length, context.data(), static_cast<int>(context.size())) == 1;
  if (good && !in.empty()) good = EVP_CipherUpdate(it, out, &length, in.data(), static_cast<int>(in.size())) == 1;
  if (good && !encrypt) good = EVP_CIPHER_CTX_ctrl(it, EVP_CTRL_AEAD_SET_TAG, kTagLength, tag) == 1;
  uint8_t rest[16];
  good = good && EVP_CipherFinal_ex(it, rest, &length) == 1;
  if (good && encrypt) good = EVP_CIPHER_CTX_ctrl(it, EVP_CTRL_AEAD_GET_TAG, kTagLength, tag) == 1;
  return good;
}

size_t FrameCodec::seal(FrameType type, View context, View raw, const Digest& digest, int level, Bytes& out) {
  if (raw.size() > kMaxRaw) throw Error("NATIVE_ARGUMENT", "a frame of " + std::to_string(raw.size()) + " bytes is too large");
  if (!compressor_) {
    compressor_.reset(ZSTD_createCCtx());
    if (!compressor_) throw Error("OUT_OF_MEMORY", "zstd has no memory");
  }
  scratch_.resize(ZSTD_compressBound(raw.size()));
  const size_t packed = ZSTD_compressCCtx(compressor_.get(), scratch_.data(), scratch_.size(), raw.data(), raw.size(), level);
  if (ZSTD_isError(packed)) throw Error("OUT_OF_MEMORY", std::string("zstd failed: ") + ZSTD_getErrorName(packed));
  // What hardly shrinks is stored as it is: reading it back then costs no decompression.
  const bool stored = packed >= raw.size() - raw.size() / 32;
  const View body = stored ? raw : View(scratch_.data(), packed);

  const size_t start = out.size();
  out.resize(start + kFrameHeader + body.size());
  uint8_t* const header = out.data() + start;
  memset(header, 0, kFrameHeader);
  memcpy(header, kMagic, sizeof kMagic);
  header[4] = kVersion;
  header[5] = static_cast<uint8_t>(type);
  header[6] = stored ? kStored : kZstd;
  header[7] = vault_->sealed;
  const uint32_t lengths[2] = {static_cast<uint32_t>(raw.size()), static_cast<uint32_t>(body.size())};
  memcpy(header + 8, lengths, sizeof lengths);
  memcpy(header + 16, digest.data(), digest.size());
  if (vault_->sealed) {
    if (RAND_bytes(header + kNonce, kNonceLength) != 1) throw Error("OUT_OF_MEMORY", "the random generator failed");
    if (!crypt(true, View(header, kFrameHeader), context, body, header + kFrameHeader, header + kTag))
      throw Error("OUT_OF_MEMORY", "AES-256-GCM failed");
  } else if (!body.empty()) {
    memcpy(header + kFrameHeader, body.data(), body.size());
  }
  const uint32_t crc = crc32(View(header, kCrc));
  memcpy(header + kCrc, &crc, sizeof crc);
  return kFrameHeader + body.size();
}

void FrameCodec::decode(const FrameHeader& header, View payload, Bytes& out) {
  out.resize(header.raw_length);
  if (header.codec == kStored) {
    if (!payload.empty()) memcpy(out.data(), payload.data(), payload.size());
    return;
  }
  if (!decompressor_) {
    decompressor_.reset(ZSTD_createDCtx());
    if (!decompressor_) throw Error("OUT_OF_MEMORY", "zstd has no memory");
  }
  const size_t got = ZSTD_decompressDCtx(decompressor_.get(), out.data(), out.size(), payload.data(), payload.size());
  if (ZSTD_isError(got) || got != out.size()) damaged("it does not decompress");
}

FrameHeader FrameCodec::open(FrameType type, View context, View frame, Bytes& out, Check check) {
  const auto header = parse_frame_header(frame);
  if (!header) damaged("its header is not one");
  if (header->type != type) damaged("it is of another type");
  if (header->whole() != frame.size()) damaged("its length is another");
  // A sealed repository takes no unsealed frame: whoever can write there could otherwise plant content.
  if ((header->seal != 0) != vault_->sealed) damaged(vault_->sealed ? "it is not sealed" : "it is sealed");
  View payload = frame.subspan(kFrameHeader);
  if (header->seal != 0) {
    scratch_.resize(payload.size());
    uint8_t tag[kTagLength];
    memcpy(tag, frame.data() + kTag, sizeof tag);
    if (!crypt(false, frame.first(kFrameHeader), context, payload, scratch_.data(), tag)) damaged("its seal is broken");
    payload = scratch_;
  }
  decode(*header, payload, out);
  if ((header->seal == 0 || check == Check::digest) && digest(type, out) != header->digest) damaged("its content has another digest");
  return *header;
}

}  // namespace strata
