#include "assembly.h"

namespace strata {
namespace {
// Frames are named by 32 bits.
constexpr uint64_t kLongest = 1u << 31;
}  // namespace

Assembly::Assembly(const std::vector<AssembledPack>& packs, std::string spool, const RunId& run) : spool_(std::move(spool)) {
  for (const AssembledPack& pack : packs) {
    const size_t number = targets_.size();
    uint64_t length = 0;
    for (const PackPart& part : pack.parts) {
      sources_.push_back({part.pack, part.offset, part.length, number, static_cast<uint32_t>(length)});
      length += part.length;
      if (length > kLongest) throw Error("NATIVE_ARGUMENT", "the parts of a pack must be shorter than 2 GiB together");
    }
    targets_.push_back({pack_id(run, static_cast<uint32_t>(number)), length, pack.frames, {}});
  }
  std::sort(sources_.begin(), sources_.end(), [](const Source& a, const Source& b) { return std::tie(a.pack, a.offset) < std::tie(b.pack, b.offset); });
}

std::optional<FramePlace> Assembly::name(const PackId& pack, const PackedFrame& frame) {
  const auto after = std::upper_bound(sources_.begin(), sources_.end(), std::tie(pack, frame.offset),
                                      [](const auto& key, const Source& it) { return key < std::tie(it.pack, it.offset); });
  if (after == sources_.begin()) return {};
  const Source& source = *(after - 1);
  if (source.pack != pack || uint64_t{frame.offset} + frame.length > uint64_t{source.offset} + source.length) return {};
  Target& target = targets_[source.target];
  PackedFrame moved = frame;
  moved.offset = source.place + (frame.offset - source.offset);
  // Before that a pack has its head; and a pack whose end is written has no room in its index.
  if (moved.offset < kPackStart || target.given) return {};
  target.frames.push_back(moved);
  bytes_ += frame.length;
  if (target.frames.size() == target.expected) ready_.push_back(source.target);
  return FramePlace{target.id, moved.offset, moved.length};
}

std::vector<FinishedPack> Assembly::finished(FrameCodec& codec, bool all) {
  std::vector<FinishedPack> out;
  for (const size_t target : std::exchange(ready_, {})) out.push_back(write_end(codec, target));
  for (size_t target = 0; all && target < targets_.size(); target++)
    if (!targets_[target].frames.empty()) out.push_back(write_end(codec, target));
  return out;
}

FinishedPack Assembly::write_end(FrameCodec& codec, size_t number) {
  Target& target = targets_[number];
  std::vector<PackedFrame> frames = std::exchange(target.frames, {});
  target.given = true;
  std::sort(frames.begin(), frames.end(), [](const PackedFrame& a, const PackedFrame& b) { return a.offset < b.offset; });
  Appender file(spool_ + "/" + hex(target.id) + ".pack", "native.pack.write");
  file.append(pack_end(codec, target.id, frames, static_cast<uint32_t>(target.length), PackMaking::joined));
  file.finish();
  return {static_cast<uint32_t>(number), target.id, file.path(), target.length + file.size(), frames.size()};
}

}  // namespace strata
