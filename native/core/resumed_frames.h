// The frames of packs that an earlier run stored, one after the other: a run that does the same work again finds them at its beginning.
#pragma once
#include "dedup_index.h"

namespace strata {

class ResumedFrames {
 public:
  // Packs in the order of their sequence numbers, from 0 without a gap.
  explicit ResumedFrames(std::vector<PackFile> packs) : packs_(std::move(packs)) {}

  // The place of the next frame, which must be this one; nothing when all were taken. Throws RESUME_MISMATCH.
  std::optional<FramePlace> take(FrameCodec& codec, const Digest& digest, uint32_t length);
  // Throws RESUME_MISMATCH unless all were taken.
  void expect_end(FrameCodec& codec);

  // Of the frames taken.
  uint64_t bytes() const { return bytes_; }

 private:
  bool advance(FrameCodec& codec);
  const std::vector<PackFile> packs_;
  size_t next_pack_ = 0, next_frame_ = 0;
  std::vector<PackedFrame> frames_;  // of the pack before next_pack_
  uint64_t bytes_ = 0;
};

}  // namespace strata
