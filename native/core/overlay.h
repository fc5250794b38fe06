// Writes over a content that stays as it is: they go to a file, with a bit for each 4 KiB that says which of the two holds it.
//
// The file: a head that TypeScript writes and checks, the bits, and the data, each 4 KiB at its own offset. A flush makes data durable before
// the bits that name it, so that after a crash the overlay is a disk that lost its power: what was flushed is there.
#pragma once
#include <optional>
#include <vector>

#include "content.h"
#include "io.h"
#include "read_write_lock.h"

namespace strata {

struct OverlayPlace {
  std::string path;
  uint64_t bits_offset = 0, data_offset = 0;
};

class Overlay : public Content {
 public:
  static constexpr uint64_t kGrain = 4096;

  // The file has its full length; it holds bits already, or is all holes.
  Overlay(std::shared_ptr<Content> base, OverlayPlace place, Fd file);

  uint64_t size() const override { return base_->size(); }
  void read(Stream& stream, uint64_t offset, std::span<uint8_t> out) override;
  Run run_at(uint64_t offset) override;
  bool writable() const override { return true; }
  void write(uint64_t offset, std::span<const uint8_t> bytes) override;
  void zero(uint64_t offset, uint64_t length) override;
  // Once a sync has failed it fails for ever: the kernel forgets what it could not write, and would call the next try a success.
  void flush() override;

  // Ranges that were written, joined.
  std::vector<std::pair<uint64_t, uint64_t>> written() const;

 private:
  bool holds(uint64_t grain) const { return (bits_[grain / 8] >> (grain % 8) & 1) != 0; }
  uint64_t grains() const { return (size() + kGrain - 1) / kGrain; }
  // The first grain from `grain` on, below `end`, that is held (or, with `held` false, is not); `end` when there is none.
  uint64_t next(uint64_t grain, bool held, uint64_t end) const;
  void mark(uint64_t first, uint64_t end);
  void complete(uint64_t grain);
  void put(uint64_t offset, std::span<const uint8_t> bytes);
  bool punch(uint64_t first, uint64_t end);
  void write_zeros(uint64_t offset, uint64_t end);

  const std::shared_ptr<Content> base_;
  const OverlayPlace place_;
  const Fd file_;
  // Held shared by readers, alone by writers: a read sees a write whole or not at all.
  mutable ReadWriteLock lock_;
  std::vector<uint8_t> bits_;
  uint64_t dirty_from_ = UINT64_MAX, dirty_until_ = 0;  // bytes of bits_ that are not on the disk yet
  std::mutex flush_mutex_;
  std::optional<Error> broken_;  // what a sync failed with
};

}  // namespace strata
