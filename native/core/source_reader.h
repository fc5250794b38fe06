// Reads single places of a source just as a backup reads all of it: a device past the machine's cache, which may hold what was there before.
#pragma once
#include <cerrno>
#include <cstdlib>

#include "source.h"

namespace strata {

class SourceReader {
 public:
  explicit SourceReader(const SourcePlace& place) : path_(place.path), source_(open_source(place, control_)) {}

  // [offset, offset + length) must lie within the size. What cannot be read throws.
  Bytes read(uint64_t offset, size_t length) {
    constexpr uint64_t kStep = Source::kAlignment;
    const uint64_t start = offset / kStep * kStep, skipped = offset - start;
    const size_t wanted = length + skipped, room = (wanted + kStep - 1) / kStep * kStep;
    const std::unique_ptr<uint8_t, decltype(&free)> data(static_cast<uint8_t*>(aligned_alloc(kStep, std::max<size_t>(room, kStep))), &free);
    if (!data) throw std::bad_alloc();
    std::vector<Range> unreadable;
    source_->read(start, wanted, data.get(), unreadable);
    if (!unreadable.empty())
      throw Error("SOURCE_READ", "cannot read " + path_ + " at " + std::to_string(unreadable.front().offset), EIO, path_);
    return Bytes(data.get() + skipped, data.get() + wanted);
  }

  void cancel() { control_.cancel(); }

 private:
  std::string path_;
  Control control_;
  std::unique_ptr<Source> source_;
};

}  // namespace strata
