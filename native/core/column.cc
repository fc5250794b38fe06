#include "column.h"

#include <cerrno>

namespace strata {
namespace {

constexpr size_t kHead = 16;
// Digests do not shrink, and the rest hardly differs: level 3 takes more of the processor (a sixth in two runs) and saves about 2 % of a location column.
constexpr int kPageLevel = 1;

template <typename Entry>
constexpr bool is_location = std::is_same_v<Entry, Location>;
template <typename Entry>
constexpr FrameType page_type = is_location<Entry> ? FrameType::location : FrameType::digest;
template <typename Entry>
constexpr const char* magic = is_location<Entry> ? "STRMAPL1" : "STRMAPD1";

[[noreturn]] void damaged(const std::string& path, const std::string& why) {
  throw Error("MAP_DAMAGED", "block map " + path + " is damaged: " + why, 0, path);
}

// A frame of the column, whose digest must be the one that the referring object names.
Bytes open_bound(FrameCodec& codec, const std::string& path, FrameType type, uint64_t offset, uint32_t length, const Digest& digest) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw Error(errno == ENOENT ? "MAP_MISSING" : "MAP_DAMAGED", "cannot open block map " + path, errno, path);
  const Fd owned(fd);
  if (length > kFrameHeader + kMaxRaw) damaged(path, "a page of an impossible length");
  Bytes frame(length), raw;
  read_exact(fd, frame, offset, "MAP_DAMAGED", path);
  try {
    if (codec.open(type, {}, frame, raw, Check::fast).digest != digest) damaged(path, "a page at " + std::to_string(offset) + " is another");
  } catch (const Error& error) {
    if (error.code() != "FRAME_DAMAGED") throw;
    damaged(path, "at " + std::to_string(offset) + ", " + error.what());
  }
  return raw;
}

}  // namespace

template <typename Entry>
ColumnWriter<Entry>::ColumnWriter(const std::string& path, FrameCodec& codec) : codec_(codec), file_(path, "native.column.write") {
  Bytes head(magic<Entry>, magic<Entry> + 8);
  head.resize(kHead);
  file_.append(head);
}

template <typename Entry>
void ColumnWriter<Entry>::span(uint64_t start, uint64_t count, Kind kind) {
  if (page_.weight() + 2 > kPageWeight) flush();
  if (!page_.spans.empty() && page_.spans.back().kind == kind && page_.spans.back().end() == start)
    page_.spans.back().count += count;
  else
    page_.spans.push_back({start, count, kind});
}

template <typename Entry>
void ColumnWriter<Entry>::zero(uint64_t start, uint64_t count) {
  if (count == 0) return;
  span(start, count, Kind::zero);
  zero_blocks_ += count;
}

template <typename Entry>
void ColumnWriter<Entry>::data(uint64_t block, const Entry& entry) {
  span(block, 1, Kind::data);
  page_.entries.push_back(entry);
  data_blocks_++;
}

template <typename Entry>
void ColumnWriter<Entry>::flush() {
  if (page_.spans.empty()) return;
  const Bytes raw = encode_page(page_);
  PageRef ref{page_.first(), page_.end(), file_.size(), 0, static_cast<uint32_t>(page_.entries.size()), codec_.digest(page_type<Entry>, raw)};
  Bytes frame;
  ref.length = static_cast<uint32_t>(codec_.seal(page_type<Entry>, {}, raw, ref.digest, kPageLevel, frame));
  file_.append(frame);
  pages_.push_back(ref);
  page_.spans.clear();
  page_.entries.clear();
}

template <typename Entry>
WrittenColumn ColumnWriter<Entry>::finish(const std::vector<PackId>& packs) {
  flush();
  Bytes raw;
  put(raw, static_cast<uint32_t>(page_type<Entry>));
  put(raw, static_cast<uint32_t>(packs.size()));
  put(raw, static_cast<uint64_t>(pages_.size()));
  put(raw, data_blocks_);
  put(raw, zero_blocks_);
  put_bytes(raw, {reinterpret_cast<const uint8_t*>(pages_.data()), pages_.size() * sizeof(PageRef)});
  for (const PackId& it : packs) put_bytes(raw, it);
  WrittenColumn out;
  out.index_offset = file_.size();
  out.index_digest = codec_.digest(FrameType::map_index, raw);
  Bytes frame;
  out.index_length = static_cast<uint32_t>(codec_.seal(FrameType::map_index, {}, raw, out.index_digest, kPageLevel, frame));
  file_.append(frame);
  file_.finish();
  out.path = file_.path();
  out.bytes = file_.size();
  out.data_blocks = data_blocks_;
  out.zero_blocks = zero_blocks_;
  return out;
}

template <typename Entry>
Column<Entry>::Column(ColumnRef ref, FrameCodec& codec) : ref_(std::move(ref)) {
  const Bytes raw = open_bound(codec, ref_.path, FrameType::map_index, ref_.index_offset, ref_.index_length, ref_.index_digest);
  uint8_t head[kHead], expected[kHead] = {};
  memcpy(expected, magic<Entry>, 8);
  read_exact(open_file(ref_.path, O_RDONLY, "MAP_DAMAGED").get(), head, 0, "MAP_DAMAGED", ref_.path);
  if (memcmp(head, expected, kHead) != 0) damaged(ref_.path, "it does not begin as a block map does");
  Reader in(raw, "MAP_DAMAGED");
  if (in.get<uint32_t>() != static_cast<uint32_t>(page_type<Entry>)) damaged(ref_.path, "it is the other column");
  const auto packs = in.get<uint32_t>();
  const auto pages = in.get<uint64_t>();
  data_blocks_ = in.get<uint64_t>();
  zero_blocks_ = in.get<uint64_t>();
  if (pages > raw.size() / sizeof(PageRef) || in.left() != pages * sizeof(PageRef) + uint64_t{packs} * sizeof(PackId))
    damaged(ref_.path, "its index has another length");
  pages_.resize(pages);
  if (pages > 0) memcpy(pages_.data(), in.take(pages * sizeof(PageRef)).data(), pages * sizeof(PageRef));
  packs_.resize(packs);
  if (packs > 0) memcpy(packs_.data(), in.take(packs * sizeof(PackId)).data(), packs * sizeof(PackId));
  uint64_t at = 0;
  for (const PageRef& it : pages_) {
    if (it.first < at || it.end <= it.first) damaged(ref_.path, "its pages are out of order");
    at = it.end;
  }
}

template <typename Entry>
Page<Entry> Column<Entry>::load(size_t page, FrameCodec& codec) const {
  const PageRef& ref = pages_[page];
  const Bytes raw = open_bound(codec, ref_.path, page_type<Entry>, ref.offset, ref.length, ref.digest);
  return decode_page<Entry>(raw, ref.first, ref.end, static_cast<uint32_t>(packs_.size()));
}

template class ColumnWriter<Location>;
template class ColumnWriter<BlockDigest>;
template class Column<Location>;
template class Column<BlockDigest>;

}  // namespace strata
