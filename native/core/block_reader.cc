#include "block_reader.h"

namespace strata {

void announce(PackFolder& packs, std::span<const BlockPlace> places) noexcept {
  for (size_t i = 0; i < places.size();) {
    const BlockPlace& first = places[i];
    uint64_t end = first.offset;
    for (; i < places.size() && places[i].pack == first.pack && places[i].offset == end; i++) end += places[i].length;
    packs.will_need(first.pack, first.offset, end - first.offset);
  }
}

void BlockReader::fetch(std::span<const BlockPlace> places) {
  frames_.clear();
  fetched_.clear();
  // A frame is never larger than its content: a map that says so would only make us reserve memory.
  for (const BlockPlace& it : places)
    if (it.length > kFrameHeader + block_size_) throw Error("MAP_DAMAGED", "a block map is damaged: a frame of an impossible length");
  for (size_t i = 0; i < places.size();) {
    const BlockPlace& first = places[i];
    uint64_t end = first.offset;
    const size_t base = frames_.size();
    for (; i < places.size() && places[i].pack == first.pack && places[i].offset == end; i++) {
      fetched_.emplace_back(&places[i], base + (end - first.offset));
      end += places[i].length;
    }
    frames_.resize(base + (end - first.offset));
    packs_.read(first.pack, first.offset, {frames_.data() + base, end - first.offset});
  }
}

View BlockReader::open(const BlockPlace& place, Check check, Digest* digest) {
  open(place, check, raw_, digest);
  return raw_;
}

void BlockReader::open(const BlockPlace& place, Check check, Bytes& out, Digest* digest) {
  const auto found = std::find_if(fetched_.begin(), fetched_.end(), [&](const auto& it) { return it.first == &place; });
  if (found == fetched_.end()) throw Error("NATIVE_ARGUMENT", "a block was opened that was not fetched");
  const std::span<uint8_t> frame(frames_.data() + found->second, place.length);
  try {
    return open_frame(place, frame, check, out, digest);
  } catch (const Error& error) {
    if (error.code() != "FRAME_DAMAGED" || !packs_.renew(place.pack, place.offset, place.length)) throw;
  }
  packs_.read(place.pack, place.offset, frame);
  open_frame(place, frame, check, out, digest);
}

void BlockReader::open_frame(const BlockPlace& place, View frame, Check check, Bytes& out, Digest* digest) {
  // Looked at first: a small frame may claim to become a quarter of a gigabyte.
  if (const auto claimed = parse_frame_header(frame); claimed && claimed->raw_length != block_size_)
    throw Error("FRAME_DAMAGED", "a frame is damaged: it holds no whole block");
  const FrameHeader header = codec_.open(FrameType::block, {}, frame, out, check);
  if (check_of(header.digest) != place.check) throw Error("FRAME_DAMAGED", "a frame is damaged: another block stands in its place");
  if (digest != nullptr) *digest = header.digest;
}

}  // namespace strata
