#include "map_page.h"

#include "pack.h"

namespace strata {
namespace {

void put_entries(Bytes& out, const std::vector<BlockDigest>& entries) {
  for (const BlockDigest& it : entries) put_bytes(out, it.digest);
  for (const BlockDigest& it : entries) put_bytes(out, it.quick);
}

void put_entries(Bytes& out, const std::vector<Location>& entries) {
  int64_t pack = 0;
  for (const Location& it : entries) {
    put_varint(out, zigzag(static_cast<int64_t>(it.pack) - pack));
    pack = it.pack;
  }
  const Location* last = nullptr;
  for (const Location& it : entries) {
    const int64_t expected = last != nullptr && last->pack == it.pack ? int64_t{last->offset} + last->length : kPackStart;
    put_varint(out, zigzag(static_cast<int64_t>(it.offset) - expected));
    last = &it;
  }
  for (const Location& it : entries) put_varint(out, it.length);
  for (const Location& it : entries) put(out, it.check);
}

void get_entries(Reader& in, std::vector<BlockDigest>& entries, uint32_t) {
  for (BlockDigest& it : entries) memcpy(it.digest.data(), in.take(it.digest.size()).data(), it.digest.size());
  for (BlockDigest& it : entries) memcpy(it.quick.data(), in.take(it.quick.size()).data(), it.quick.size());
}

void get_entries(Reader& in, std::vector<Location>& entries, uint32_t packs) {
  int64_t pack = 0;
  for (Location& it : entries) {
    // Wraps instead of overflowing: nonsense from disk is refused below, never undefined.
    pack = static_cast<int64_t>(static_cast<uint64_t>(pack) + static_cast<uint64_t>(unzigzag(in.varint())));
    if (pack < 0 || pack >= packs) in.fail("a block in a pack that the map does not name");
    it.pack = static_cast<uint32_t>(pack);
  }
  std::vector<int64_t> jumps(entries.size());
  for (int64_t& it : jumps) it = unzigzag(in.varint());
  for (Location& it : entries) {
    const uint64_t length = in.varint();
    if (length < kFrameHeader || length > kFrameHeader + kMaxRaw) in.fail("a frame of an impossible length");
    it.length = static_cast<uint32_t>(length);
  }
  const Location* last = nullptr;
  for (size_t i = 0; i < entries.size(); i++) {
    Location& it = entries[i];
    const int64_t expected = last != nullptr && last->pack == it.pack ? int64_t{last->offset} + last->length : kPackStart;
    const auto offset = static_cast<int64_t>(static_cast<uint64_t>(expected) + static_cast<uint64_t>(jumps[i]));
    if (offset < kPackStart || offset > int64_t{UINT32_MAX} - it.length) in.fail("a frame at an impossible place");
    it.offset = static_cast<uint32_t>(offset);
    it.check = in.get<uint64_t>();
    last = &it;
  }
}

}  // namespace

template <typename Entry>
Bytes encode_page(const Page<Entry>& page) {
  Bytes out;
  out.reserve(page.spans.size() * 4 + page.entries.size() * sizeof(Entry));  // more than most need
  put(out, static_cast<uint32_t>(page.spans.size()));
  uint64_t at = page.first();
  for (const Span& it : page.spans) {
    put_varint(out, it.start - at);
    put_varint(out, it.count);
    out.push_back(static_cast<uint8_t>(it.kind));
    at = it.end();
  }
  put_entries(out, page.entries);
  return out;
}

template <typename Entry>
Page<Entry> decode_page(View raw, uint64_t first, uint64_t end, uint32_t packs) {
  Reader in(raw, "MAP_DAMAGED");
  Page<Entry> page;
  const auto spans = in.get<uint32_t>();
  if (spans == 0 || spans > kPageWeight) in.fail("a map page with an impossible number of runs");
  uint64_t at = first;
  size_t entries = 0;
  for (uint32_t i = 0; i < spans; i++) {
    const uint64_t gap = in.varint(), count = in.varint();
    const auto kind = in.get<uint8_t>();
    if (kind != 1 && kind != 2) in.fail("a run of an unknown kind");
    if (count == 0 || gap > end - at || count > end - at - gap || (i == 0 && gap != 0)) in.fail("a run outside its map page");
    page.spans.push_back({at + gap, count, static_cast<Kind>(kind)});
    at += gap + count;
    if (kind == 2) {
      if (count > kPageWeight) in.fail("a run longer than a map page");
      entries += count;
    }
  }
  if (at != end || page.spans.size() + entries > kPageWeight) in.fail("a map page that does not fit its index");
  page.entries.resize(entries);
  get_entries(in, page.entries, packs);
  if (in.left() != 0) in.fail("a map page that goes on after its end");
  return page;
}

template Bytes encode_page(const Page<BlockDigest>&);
template Bytes encode_page(const Page<Location>&);
template Page<BlockDigest> decode_page(View, uint64_t, uint64_t, uint32_t);
template Page<Location> decode_page(View, uint64_t, uint64_t, uint32_t);

}  // namespace strata
