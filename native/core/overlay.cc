#include "overlay.h"

#include <linux/falloc.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>

namespace strata {

namespace {
// A hole is made under the lock: not of more than this at once.
constexpr uint64_t kMostPunched = (1 << 30) / Overlay::kGrain;
}  // namespace

Overlay::Overlay(std::shared_ptr<Content> base, OverlayPlace place, Fd file) : base_(std::move(base)), place_(std::move(place)), file_(std::move(file)) {
  bits_.resize((grains() + 7) / 8);
  if (place_.data_offset % kGrain != 0 || place_.bits_offset + bits_.size() > place_.data_offset)
    throw Error("NATIVE_ARGUMENT", "an overlay whose parts lie over each other");
  struct stat facts;
  if (fstat(file_.get(), &facts) != 0) throw Error("OVERLAY_READ", "cannot read an overlay", errno, place_.path);
  // Of one that was cut off, what is missing must not become zeros.
  if (static_cast<uint64_t>(facts.st_size) < place_.data_offset + size()) throw Error("OVERLAY_READ", "an overlay was cut short", 0, place_.path);
  read_exact(file_.get(), bits_, place_.bits_offset, "OVERLAY_READ", place_.path);
}

void Overlay::read(Stream& stream, uint64_t offset, std::span<uint8_t> out) {
  const std::shared_lock lock(lock_);
  const uint64_t end = offset + out.size(), last = (end + kGrain - 1) / kGrain;
  for (uint64_t at = offset; at < end;) {
    const bool here = holds(at / kGrain);
    const uint64_t until = std::min(next(at / kGrain, !here, last) * kGrain, end);
    const std::span<uint8_t> part = out.subspan(at - offset, until - at);
    if (here)
      read_exact(file_.get(), part, place_.data_offset + at, "OVERLAY_READ", place_.path);
    else
      base_->read(stream, at, part);
    at = until;
  }
}

Content::Run Overlay::run_at(uint64_t offset) {
  const std::shared_lock lock(lock_);
  const uint64_t grain = offset / kGrain;
  if (!holds(grain)) {
    const Run below = base_->run_at(offset);
    return {std::min(next(grain, true, grains()) * kGrain, below.end), below.data};
  }
  const uint64_t end = std::min(next(grain, false, grains()) * kGrain, size()), place = place_.data_offset;
  // What was zeroed is a hole. A file system that cannot tell has none.
  const off_t data = lseek(file_.get(), static_cast<off_t>(place + offset), SEEK_DATA);
  if (data < 0) return {end, errno != ENXIO};
  const uint64_t found = static_cast<uint64_t>(data) - place;
  if (found > offset) return {std::min(found, end), false};
  const off_t hole = lseek(file_.get(), data, SEEK_HOLE);
  return {hole < 0 ? end : std::min(static_cast<uint64_t>(hole) - place, end), true};
}

uint64_t Overlay::next(uint64_t grain, bool held, uint64_t end) const {
  // 64 at a time: there may be very many.
  while (grain < end) {
    uint64_t word = 0;
    memcpy(&word, bits_.data() + grain / 8, std::min<size_t>(sizeof word, bits_.size() - grain / 8));
    const int skipped = std::countr_zero((held ? word : ~word) >> (grain % 8));
    // Behind the shift come zeros.
    const auto known = static_cast<int>(64 - grain % 8);
    if (skipped < known) return std::min(grain + static_cast<uint64_t>(skipped), end);
    grain += static_cast<uint64_t>(known);
  }
  return end;
}

void Overlay::mark(uint64_t first, uint64_t end) {
  for (uint64_t grain = first; grain < end;) {
    if (grain % 8 == 0 && end - grain >= 8) {
      bits_[grain / 8] = 0xff;
      grain += 8;
    } else {
      bits_[grain / 8] = static_cast<uint8_t>(bits_[grain / 8] | 1u << (grain % 8));
      grain++;
    }
  }
  dirty_from_ = std::min(dirty_from_, first / 8);
  dirty_until_ = std::max(dirty_until_, (end - 1) / 8 + 1);
}

void Overlay::put(uint64_t offset, std::span<const uint8_t> bytes) { write_at(file_.get(), bytes, place_.data_offset + offset, "OVERLAY_WRITE", place_.path); }

// Brings the rest of a grain over that is about to be written in part.
void Overlay::complete(uint64_t grain) {
  if (holds(grain)) return;
  uint8_t content[kGrain];
  const uint64_t start = grain * kGrain;
  const std::span<uint8_t> part(content, std::min(kGrain, size() - start));
  Stream stream;
  base_->read(stream, start, part);
  put(start, part);
  mark(grain, grain + 1);
}

void Overlay::write(uint64_t offset, std::span<const uint8_t> bytes) {
  if (bytes.empty()) return;
  const std::lock_guard lock(lock_);
  const uint64_t first = offset / kGrain, end = offset + bytes.size(), last = (end + kGrain - 1) / kGrain;
  if (offset % kGrain != 0) complete(first);
  if (end % kGrain != 0 && end != size()) complete(end / kGrain);
  put(offset, bytes);
  if (next(first, false, last) < last) mark(first, last);
}

void Overlay::zero(uint64_t offset, uint64_t length) {
  const uint64_t end = offset + length;
  uint64_t first = (offset + kGrain - 1) / kGrain;
  const uint64_t last = end == size() ? grains() : end / kGrain;
  if (first >= last) return write_zeros(offset, end);
  write_zeros(offset, first * kGrain);
  // Who makes a file system discards a whole disk: holes take no room.
  while (first < last) {
    const uint64_t until = std::min(first + kMostPunched, last);
    if (!punch(first, until)) write_zeros(first * kGrain, std::min(until * kGrain, end));
    first = until;
  }
  write_zeros(std::min(last * kGrain, end), end);
}

// Makes grains zero; false when the file system has no holes.
bool Overlay::punch(uint64_t first, uint64_t end) {
  const std::lock_guard lock(lock_);
  const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (fallocate(file_.get(), mode, static_cast<off_t>(place_.data_offset + first * kGrain), static_cast<off_t>((end - first) * kGrain)) != 0) return false;
  mark(first, end);
  return true;
}

void Overlay::write_zeros(uint64_t offset, uint64_t end) {
  static constexpr std::array<uint8_t, 65536> zeros{};
  while (offset < end) {
    const auto part = static_cast<size_t>(std::min<uint64_t>(zeros.size() - offset % zeros.size(), end - offset));
    write(offset, {zeros.data(), part});
    offset += part;
  }
}

void Overlay::flush() {
  const std::lock_guard flushing(flush_mutex_);
  if (broken_) throw Error(*broken_);
  // Others read and write meanwhile: it may take long. The bits are those of data that is in the file now, so the first sync takes it along.
  uint64_t from = 0;
  std::vector<uint8_t> bits;
  {
    const std::lock_guard lock(lock_);
    if (dirty_from_ < dirty_until_) {
      from = dirty_from_;
      bits.assign(bits_.begin() + static_cast<ptrdiff_t>(dirty_from_), bits_.begin() + static_cast<ptrdiff_t>(dirty_until_));
    }
    dirty_from_ = UINT64_MAX;
    dirty_until_ = 0;
  }
  const auto sync = [this] {
    if (fdatasync(file_.get()) == 0) return;
    broken_.emplace("OVERLAY_WRITE", "cannot sync an overlay", errno, place_.path);
    throw Error(*broken_);
  };
  sync();
  if (bits.empty()) return;
  try {
    write_at(file_.get(), bits, place_.bits_offset + from, "OVERLAY_WRITE", place_.path);
  } catch (...) {
    // There may be room for them the next time.
    const std::lock_guard lock(lock_);
    dirty_from_ = std::min(dirty_from_, from);
    dirty_until_ = std::max<uint64_t>(dirty_until_, from + bits.size());
    throw;
  }
  sync();
}

std::vector<std::pair<uint64_t, uint64_t>> Overlay::written() const {
  const std::shared_lock lock(lock_);
  std::vector<std::pair<uint64_t, uint64_t>> out;
  for (uint64_t grain = next(0, true, grains()); grain < grains();) {
    const uint64_t end = next(grain, false, grains());
    out.emplace_back(grain * kGrain, std::min(end * kGrain, size()) - grain * kGrain);
    grain = next(end, true, grains());
  }
  return out;
}

}  // namespace strata
