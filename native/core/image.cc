#include "image.h"

namespace strata {

namespace {
constexpr uint64_t kEntries = 2048;       // looked up at once, and as many ahead: every thread keeps room for them
constexpr uint64_t kLookedAt = 64 << 10;  // entries that one run is looked for in
}  // namespace

void Point::read(uint64_t offset, std::span<uint8_t> out, uint64_t ahead) {
  // Of the last block only what lies within the disk is the disk's.
  const auto there = static_cast<size_t>(std::min<uint64_t>(out.size(), size_ - std::min(offset, size_)));
  std::fill(out.begin() + static_cast<ptrdiff_t>(there), out.end(), 0);
  const uint32_t block = block_size();
  thread_local std::vector<BlockEntry> entries;
  for (uint64_t at = offset, end = offset + there; at < end;) {
    const uint64_t first = at / block, left = (end - 1) / block + 1 - first;
    const uint64_t wanted = std::min(left, kEntries), more = wanted < left ? 0 : std::min(ahead / block, kEntries);
    entries.resize(static_cast<size_t>(wanted + more));
    map_.read(first, entries);
    // The others are opened meanwhile, by other threads.
    for (size_t i = 1; i < entries.size(); i++)
      if (entries[i].pack != 0 && !store_->announce(entries[i])) break;
    for (size_t i = 0; i < wanted; i++) {
      const uint64_t start = (first + i) * block, until = std::min(start + block, end);
      uint8_t* const to = out.data() + (at - offset);
      if (entries[i].pack == 0)
        memset(to, 0, until - at);
      else
        memcpy(to, store_->open(entries[i])->data() + (at - start), until - at);
      at = until;
    }
  }
}

void Point::fetch(uint64_t offset, uint64_t length) {
  const uint32_t block = block_size();
  const uint64_t end = std::min(size_, offset + length);
  thread_local std::vector<BlockEntry> entries;
  for (uint64_t at = offset / block; at * block < end; at += entries.size()) {
    entries.resize(static_cast<size_t>(std::min((end - 1) / block + 1 - at, kEntries)));
    map_.read(at, entries);
    store_->fetch(entries);
  }
}

Image::Image(std::shared_ptr<Point> point, std::vector<Segment> segments, Bytes literals, uint64_t size)
    : point_(std::move(point)), segments_(std::move(segments)), literals_(std::move(literals)), size_(size) {
  uint64_t expected = 0;
  for (size_t i = 0; i < segments_.size(); i++) {
    const Segment& it = segments_[i];
    if (it.start != expected || end_of(i) <= it.start) throw Error("NATIVE_ARGUMENT", "the segments of an image do not follow each other");
    expected = end_of(i);
    if (it.kind == Kind::literal && (it.from > literals_.size() || expected - it.start > literals_.size() - it.from))
      throw Error("NATIVE_ARGUMENT", "a segment of an image lies outside its literal bytes");
    // Past the disk's end it is zeros, but offsets must not wrap.
    if (it.kind == Kind::disk && (it.from > INT64_MAX || expected - it.start > INT64_MAX - it.from))
      throw Error("NATIVE_ARGUMENT", "a segment of an image lies outside any disk");
  }
  if (expected != size_) throw Error("NATIVE_ARGUMENT", "the segments of an image do not make its size");
}

size_t Image::find(uint64_t offset) const {
  const auto after = std::upper_bound(segments_.begin(), segments_.end(), offset, [](uint64_t at, const Segment& it) { return at < it.start; });
  return static_cast<size_t>(after - segments_.begin()) - 1;
}

void Image::read(Stream& stream, uint64_t offset, std::span<uint8_t> out) {
  if (out.empty()) return;
  const uint64_t ahead = stream.note(offset, out.size());
  if (point_->is_far()) fetch(stream.next_to_fetch(offset + out.size()));
  for (size_t done = 0, segment = find(offset); done < out.size(); segment++) {
    const Segment& it = segments_[segment];
    const uint64_t at = offset + done, within = at - it.start;
    const auto length = static_cast<size_t>(std::min<uint64_t>(end_of(segment) - at, out.size() - done));
    const std::span<uint8_t> part = out.subspan(done, length);
    switch (it.kind) {
      case Kind::literal:
        memcpy(part.data(), literals_.data() + it.from + within, length);
        break;
      case Kind::zeros:
        memset(part.data(), 0, length);
        break;
      case Kind::disk:
        point_->read(it.from + within, part, done + length == out.size() ? ahead : 0);
        break;
    }
    done += length;
  }
}

void Image::fetch(Stream::Range range) {
  const uint64_t until = std::min(range.until, size_);
  if (range.from >= until) return;
  for (size_t segment = find(range.from); segment < segments_.size() && segments_[segment].start < until; segment++) {
    const Segment& it = segments_[segment];
    if (it.kind != Kind::disk) continue;
    const uint64_t from = std::max(range.from, it.start);
    point_->fetch(it.from + (from - it.start), std::min(until, end_of(segment)) - from);
  }
}

Content::Run Image::run_at(uint64_t offset) {
  const size_t segment = find(offset);
  const Segment& it = segments_[segment];
  const uint64_t end = end_of(segment);
  if (it.kind != Kind::disk) return {end, it.kind == Kind::literal};
  const uint32_t block = point_->block_size();
  const uint64_t at = it.from + (offset - it.start), number = at / block;
  // Past the disk's end, and what the map does not name, is zero.
  BlockEntry entry;
  point_->map().read(number, {&entry, 1});
  const bool data = entry.pack != 0;
  // Not further than is quick to find out: the run may go on as another.
  const uint64_t next = point_->map().next(number, !data, kLookedAt);
  const uint64_t until = next >= point_->map().blocks() && !data ? UINT64_MAX : next * block;
  const uint64_t rest = until - at;
  return {rest > end - offset ? end : offset + rest, data};
}

}  // namespace strata
