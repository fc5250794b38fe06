#include "full_map.h"

namespace strata {
namespace {
constexpr size_t kBatch = 4096;
}  // namespace

FullMap::FullMap(const std::shared_ptr<const Vault>& vault, const std::string& base)
    : location_codec_(vault),
      digest_codec_(vault),
      location_(base + ".loc", location_codec_),
      digest_(base + ".dig", digest_codec_),
      digests_([this](const Batch& batch) { write_digests(batch); }) {}

void FullMap::data(uint64_t block, const Location& place, const BlockDigest& digest) {
  location_.data(block, place);
  bytes_ += place.length;
  batch_.push_back({block, digest});
  if (batch_.size() < kBatch) return;
  digests_.put(std::move(batch_));
  batch_ = {};
  batch_.reserve(kBatch);
}

void FullMap::write_digests(const Batch& batch) {
  for (const Named& it : batch) {
    merkle_.zeros(it.block - merkle_.leaves());
    merkle_.data(it.digest.digest);
    digest_.data(it.block, it.digest);
  }
}

FullMap::Written FullMap::finish(uint64_t size, uint32_t block_size) {
  digests_.put(std::move(batch_));
  digests_.finish();
  return {location_.finish(packs_.ids()), digest_.finish({}), merkle_.root(size, block_size)};
}

}  // namespace strata
