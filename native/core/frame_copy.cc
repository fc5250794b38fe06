#include "frame_copy.h"

#include "map_page.h"

namespace strata {
namespace {
// A range is not interrupted, so none is longer; the next one goes on where it ended.
constexpr uint64_t kLongest = 32 << 20;
}  // namespace

FrameCopy::FrameCopy(std::shared_ptr<const Vault> vault, PackPlace place, PackStream& packs, Clone clone, const Control& control)
    : codec_(vault), sealed_(vault->sealed), folder_(std::move(place)), indexes_(vault), packs_(packs), bytes_(clone), control_(control) {}

bool FrameCopy::copy(std::span<const FrameRef> frames, std::vector<FramePlace>& places) {
  places.clear();
  std::vector<PackedFrame> range;
  while (!frames.empty()) {
    if (control_.stopping()) return false;
    const FrameRef& first = frames.front();
    const auto source = folder_.open(first.pack);
    PackWriter& pack = packs_.current();
    const uint64_t room = packs_.pack_size() - std::min(packs_.pack_size(), pack.size());
    const auto count = range_of(frames, room);
    const uint64_t length = uint64_t{frames[count - 1].offset} + frames[count - 1].length - first.offset;
    Appender& file = pack.file();
    if (!bytes_.found_out()) bytes_.find_out(file, *source);
    // Of what is shared hardly anything is read: reading ahead would be for nothing.
    if (source->file() < 0)
      source->will_need(first.offset, length);
    else
      posix_fadvise(source->file(), first.offset, static_cast<off_t>(length), bytes_.shares() ? POSIX_FADV_RANDOM : POSIX_FADV_WILLNEED);
    range.clear();
    for (const FrameRef& it : frames.first(count)) range.push_back(check(*source, it));
    file.append(Bytes(bytes_.padding(file.size(), first.offset, length)));
    const auto start = static_cast<uint32_t>(file.size());
    bytes_.append(file, {*source, first.offset, length});
    for (PackedFrame& it : range) {
      it.offset = start + (it.offset - first.offset);
      pack.name(it);
      places.push_back({pack.id(), it.offset, it.length});
    }
    packs_.appended(codec_);
    frames = frames.subspan(count);
  }
  return true;
}

// How many of the frames follow one another in one pack, up to the one that fills the room.
size_t FrameCopy::range_of(std::span<const FrameRef> frames, uint64_t room) const {
  const FrameRef& first = frames.front();
  uint64_t length = first.length;
  size_t count = 1;
  while (count < frames.size() && length < std::min(room, kLongest) && frames[count].pack == first.pack && frames[count].offset == first.offset + length)
    length += frames[count++].length;
  return count;
}

// The frame as the pack's index names it, when it is the one that is meant.
PackedFrame FrameCopy::check(const PackObject& pack, const FrameRef& frame) {
  const PackedFrame* const named = bytes_.shares() ? indexes_.find(pack, frame.pack, frame.offset) : nullptr;
  const bool meant = named != nullptr && named->length == frame.length && check_of(named->digest) == frame.check;
  return meant ? *named : check_header(pack, frame);
}

PackedFrame FrameCopy::check_header(const PackObject& pack, const FrameRef& frame) const {
  uint8_t bytes[kFrameHeader];
  pack.read_exact(bytes, frame.offset);
  const auto header = parse_frame_header(bytes);
  const char* const why = !header                                                              ? "its header is damaged"
                          : header->type != FrameType::block || header->whole() != frame.length ? "it is of another type or length"
                          : check_of(header->digest) != frame.check                             ? "another block stands in its place"
                          : (header->seal != 0) != sealed_                                      ? "its seal is not the repository's"
                                                                                                : nullptr;
  if (why != nullptr)
    throw Error("FRAME_DAMAGED", "the frame at " + std::to_string(frame.offset) + " of pack " + hex(frame.pack) + " is not the one that the map means: " + why, 0, pack.path());
  return {header->digest, frame.offset, frame.length, header->raw_length};
}

}  // namespace strata
