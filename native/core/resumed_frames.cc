#include "resumed_frames.h"

namespace strata {
namespace {

[[noreturn]] void mismatch(const PackFile& pack, const std::string& why) {
  throw Error("RESUME_MISMATCH", "pack " + hex(pack.id) + " of an earlier run does not fit: " + why, 0, pack.path);
}

uint32_t sequence_of(const PackId& id) {
  uint32_t out;
  memcpy(&out, id.data() + id.size() - sizeof out, sizeof out);
  return __builtin_bswap32(out);
}

}  // namespace

// Whether there is a next frame; reads the next pack's index when it is needed.
bool ResumedFrames::advance(FrameCodec& codec) {
  while (next_frame_ == frames_.size()) {
    if (next_pack_ == packs_.size()) return false;
    const PackFile& pack = packs_[next_pack_];
    if (sequence_of(pack.id) != next_pack_) mismatch(pack, "it is not the one with number " + std::to_string(next_pack_));
    try {
      frames_ = read_pack_index(codec, *pack.open(), pack.id);
    } catch (const Error& error) {
      if (error.code() != "FRAME_DAMAGED" && error.code() != "PACK_READ" && error.code() != "PACK_MISSING") throw;
      mismatch(pack, error.what());
    }
    next_frame_ = 0;
    next_pack_++;
  }
  return true;
}

std::optional<FramePlace> ResumedFrames::take(FrameCodec& codec, const Digest& digest, uint32_t length) {
  if (!advance(codec)) return {};
  const PackFile& pack = packs_[next_pack_ - 1];
  const PackedFrame& it = frames_[next_frame_];
  if (it.digest != digest || it.length != length) mismatch(pack, "its frame " + std::to_string(next_frame_) + " is another");
  next_frame_++;
  bytes_ += length;
  return FramePlace{pack.id, it.offset, it.length};
}

void ResumedFrames::expect_end(FrameCodec& codec) {
  if (advance(codec)) mismatch(packs_[next_pack_ - 1], "it has frames that are not needed");
}

}  // namespace strata
