#include "pack.h"

namespace strata {
namespace {
constexpr char kHead[] = "STRPACK1", kTail[] = "STRPEND1", kJoinedTail[] = "STRPEND2";
constexpr size_t kTrailer = 16, kIndexEntry = 44, kOpenPacks = 64;
constexpr int kIndexLevel = 1;
constexpr uint64_t kUsualIndex = 96 << 10;
}  // namespace

PackWriter::PackWriter(const std::string& path, const PackId& id) : id_(id), file_(path, "native.pack.write") {
  Bytes head(kHead, kHead + 8);
  head.resize(kPackStart);
  file_.append(head);
}

uint32_t PackWriter::append(View frame, const Digest& digest, uint32_t raw_length) {
  const auto offset = static_cast<uint32_t>(file_.size());
  file_.append(frame);
  frames_.push_back({digest, offset, static_cast<uint32_t>(frame.size()), raw_length});
  return offset;
}

void PackWriter::finish(FrameCodec& codec) {
  file_.append(pack_end(codec, id_, frames_, static_cast<uint32_t>(file_.size()), PackMaking::written));
  file_.finish();
}

Bytes pack_end(FrameCodec& codec, const PackId& id, const std::vector<PackedFrame>& frames, uint32_t offset, PackMaking making) {
  Bytes raw;
  put(raw, static_cast<uint32_t>(frames.size()));
  for (const PackedFrame& it : frames) {
    put_bytes(raw, it.digest);
    put(raw, it.offset);
    put(raw, it.length);
    put(raw, it.raw_length);
  }
  Bytes end;
  const size_t length = codec.seal(FrameType::pack_index, id, raw, codec.digest(FrameType::pack_index, raw), kIndexLevel, end);
  put(end, offset);
  put(end, static_cast<uint32_t>(length));
  const char* const tail = making == PackMaking::joined ? kJoinedTail : kTail;
  end.insert(end.end(), tail, tail + 8);
  return end;
}

std::vector<PackedFrame> read_pack_index(FrameCodec& codec, const PackObject& pack, const PackId& id) {
  const std::string& path = pack.path();
  const uint64_t size = pack.size();
  if (size < kPackStart + kTrailer) throw Error("FRAME_DAMAGED", path + " is too short for a pack", 0, path);
  static constexpr uint8_t zeros[8] = {};
  uint8_t head[kPackStart], trailer[kTrailer];
  pack.read_exact(trailer, size - kTrailer);
  uint32_t offset, length;
  memcpy(&offset, trailer, 4);
  memcpy(&length, trailer + 4, 4);
  const bool joined = memcmp(trailer + 8, kJoinedTail, 8) == 0;
  if ((!joined && memcmp(trailer + 8, kTail, 8) != 0) || offset < kPackStart || length < kFrameHeader || uint64_t{offset} + length + kTrailer != size)
    throw Error("FRAME_DAMAGED", path + " does not end as a pack does", 0, path);
  Bytes frame(length), raw;
  pack.read_exact(frame, offset);
  codec.open(FrameType::pack_index, id, frame, raw, Check::fast);
  // Nothing hangs on the head, and from afar it would cost as much as the index.
  if (!joined && pack.file() >= 0) {
    pack.read_exact(head, 0);
    if (memcmp(head, kHead, 8) != 0 || memcmp(head + 8, zeros, 8) != 0) throw Error("FRAME_DAMAGED", path + " does not begin as a pack does", 0, path);
  }

  Reader reader(raw, "FRAME_DAMAGED");
  const auto count = reader.get<uint32_t>();
  if (reader.left() != uint64_t{count} * kIndexEntry) reader.fail("a pack index of another length");
  std::vector<PackedFrame> out(count);
  for (PackedFrame& it : out) {
    memcpy(it.digest.data(), reader.take(it.digest.size()).data(), it.digest.size());
    it.offset = reader.get<uint32_t>();
    it.length = reader.get<uint32_t>();
    it.raw_length = reader.get<uint32_t>();
    if (it.offset < kPackStart || it.length < kFrameHeader || uint64_t{it.offset} + it.length > offset)
      reader.fail("a pack index that points outside its pack");
  }
  return out;
}

std::optional<std::vector<PackedFrame>> readable_index(FrameCodec& codec, const PackFile& pack) {
  try {
    return read_pack_index(codec, *pack.open(), pack.id);
  } catch (const Error& error) {
    if (error.code() != "FRAME_DAMAGED" && error.code() != "PACK_READ" && error.code() != "PACK_MISSING") throw;
    return {};
  }
}

void will_need_index(const PackFile& pack) {
  if (!pack.remote) return;
  const uint64_t length = std::min(pack.bytes, kUsualIndex);
  pack.open()->will_need(pack.bytes - length, length);
}

namespace {

// Where the next frame could begin: the first magic at or after `from`; `size` when there is none.
uint64_t next_magic(const PackObject& pack, uint64_t from, uint64_t size) {
  constexpr size_t kWindow = 1 << 20, kMagic = 4, kSector = 4096;
  Bytes window(kWindow);
  while (from + kFrameHeader <= size) {
    const ssize_t got = pack.read(window, from);
    if (got < 0) {
      from += kSector - from % kSector;
      continue;
    }
    if (got < static_cast<ssize_t>(kMagic)) break;
    const void* const found = memmem(window.data(), static_cast<size_t>(got), "SFRM", kMagic);
    if (found != nullptr) return from + static_cast<uint64_t>(static_cast<const uint8_t*>(found) - window.data());
    from += static_cast<uint64_t>(got) - (kMagic - 1);  // the last bytes may be the beginning of one
  }
  return size;
}

}  // namespace

std::vector<PackedFrame> scan_frames(const PackObject& pack) {
  const uint64_t size = std::min<uint64_t>(pack.size(), UINT32_MAX);
  std::vector<PackedFrame> out;
  for (uint64_t at = kPackStart; at + kFrameHeader <= size;) {
    uint8_t bytes[kFrameHeader];
    const bool read = pack.read(bytes, at) == static_cast<ssize_t>(sizeof bytes);
    const auto header = read ? parse_frame_header(bytes) : std::nullopt;
    if (!header || at + header->whole() > size) {
      at = next_magic(pack, at + 1, size);
      continue;
    }
    if (header->type == FrameType::block) out.push_back({header->digest, static_cast<uint32_t>(at), static_cast<uint32_t>(header->whole()), header->raw_length});
    at += header->whole();
  }
  return out;
}

std::shared_ptr<const PackObject> PackFolder::open(const PackId& id) {
  const std::lock_guard lock(mutex_);
  if (const auto found = places_.find(id); found != places_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return found->second->second;
  }
  std::shared_ptr<const PackObject> it = place_.open(id);
  recent_.emplace_front(id, it);
  places_[id] = recent_.begin();
  if (recent_.size() > kOpenPacks) {
    places_.erase(recent_.back().first);
    recent_.pop_back();
  }
  return it;
}

void PackFolder::read(const PackId& id, uint64_t offset, std::span<uint8_t> out) { open(id)->read_exact(out, offset); }

void PackFolder::will_need(const PackId& id, uint64_t offset, uint64_t length) noexcept {
  try {
    open(id)->will_need(offset, length);
  } catch (...) {
  }
}

}  // namespace strata
