#include "overlay.h"

#include <algorithm>

namespace strata {

Overlay::Overlay(std::shared_ptr<Content> base, OverlayPlace place, Fd file) : base_(std::move(base)), place_(std::move(place)), file_(std::move(file)) {
  const uint64_t grains = (base_->size() + kGrain - 1) / kGrain;
  bits_.resize((grains + 7) / 8);
  if (place_.data_offset % kGrain != 0 || place_.bits_offset + bits_.size() > place_.data_offset)
    throw Error("NATIVE_ARGUMENT", "an overlay whose parts lie over each other");
  read_exact(file_.get(), bits_, place_.bits_offset, "OVERLAY_READ", place_.path);
}

void Overlay::read(Stream& stream, uint64_t offset, std::span<uint8_t> out) {
  const std::shared_lock lock(mutex_);
  for (size_t done = 0; done < out.size();) {
    const uint64_t at = offset + done, end = offset + out.size();
    const bool here = holds(at / kGrain);
    uint64_t until = (at / kGrain + 1) * kGrain;
    while (until < end && holds(until / kGrain) == here) until += kGrain;
    const std::span<uint8_t> part = out.subspan(done, std::min(until, end) - at);
    if (here)
      read_exact(file_.get(), part, place_.data_offset + at, "OVERLAY_READ", place_.path);
    else
      base_->read(stream, at, part);
    done += part.size();
  }
}

Content::Run Overlay::run_at(uint64_t offset) {
  const std::shared_lock lock(mutex_);
  const bool here = holds(offset / kGrain);
  const Run below = here ? Run{size(), true} : base_->run_at(offset);
  uint64_t end = (offset / kGrain + 1) * kGrain;
  while (end < below.end && holds(end / kGrain) == here) end += kGrain;
  return {std::min(end, below.end), below.data};
}

void Overlay::mark(uint64_t grain) {
  bits_[grain / 8] = static_cast<uint8_t>(bits_[grain / 8] | 1u << (grain % 8));
  dirty_from_ = std::min(dirty_from_, grain / 8);
  dirty_until_ = std::max(dirty_until_, grain / 8 + 1);
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
  mark(grain);
}

void Overlay::write(uint64_t offset, std::span<const uint8_t> bytes) {
  if (bytes.empty()) return;
  const std::lock_guard lock(mutex_);
  const uint64_t end = offset + bytes.size();
  if (offset % kGrain != 0) complete(offset / kGrain);
  if (end % kGrain != 0 && end != size()) complete(end / kGrain);
  put(offset, bytes);
  for (uint64_t grain = offset / kGrain; grain * kGrain < end; grain++)
    if (!holds(grain)) mark(grain);
}

void Overlay::zero(uint64_t offset, uint64_t length) {
  static constexpr std::array<uint8_t, 65536> zeros{};
  for (uint64_t done = 0; done < length;) {
    const auto part = static_cast<size_t>(std::min<uint64_t>(zeros.size() - (offset + done) % zeros.size(), length - done));
    write(offset + done, {zeros.data(), part});
    done += part;
  }
}

void Overlay::flush() {
  const std::lock_guard lock(mutex_);
  if (fdatasync(file_.get()) != 0) throw Error("OVERLAY_WRITE", "cannot sync an overlay", errno, place_.path);
  if (dirty_from_ >= dirty_until_) return;
  write_at(file_.get(), {bits_.data() + dirty_from_, dirty_until_ - dirty_from_}, place_.bits_offset + dirty_from_, "OVERLAY_WRITE", place_.path);
  if (fdatasync(file_.get()) != 0) throw Error("OVERLAY_WRITE", "cannot sync an overlay", errno, place_.path);
  dirty_from_ = UINT64_MAX;
  dirty_until_ = 0;
}

std::vector<std::pair<uint64_t, uint64_t>> Overlay::written() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::pair<uint64_t, uint64_t>> out;
  const uint64_t grains = (size() + kGrain - 1) / kGrain;
  for (uint64_t grain = 0; grain < grains; grain++) {
    if (!holds(grain)) continue;
    const uint64_t start = grain * kGrain, length = std::min(kGrain, size() - start);
    if (!out.empty() && out.back().first + out.back().second == start)
      out.back().second += length;
    else
      out.emplace_back(start, length);
  }
  return out;
}

}  // namespace strata
