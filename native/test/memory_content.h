// A content in memory, which can be told to fail in places.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "content.h"
#include "random_disk.h"

namespace strata::test {

class MemoryContent : public Content {
 public:
  explicit MemoryContent(Bytes bytes) : bytes_(std::move(bytes)) {}

  const Bytes& bytes() const { return bytes_; }
  uint64_t size() const override { return bytes_.size(); }

  void read(Stream&, uint64_t offset, std::span<uint8_t> out) override {
    reads++;
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) throw Error("NATIVE_ARGUMENT", "a read outside of the content");
    if (offset < bad_until && offset + out.size() > bad_from) throw Error("FRAME_DAMAGED", "it is said to be damaged");
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
  }

  // Runs of 4 KiB pages, none longer than `longest`.
  Run run_at(uint64_t offset) override {
    runs++;
    const bool data = data_at(offset / 4096);
    uint64_t end = offset / 4096 + 1;
    while (end * 4096 < bytes_.size() && end * 4096 < offset + longest && data_at(end) == data) end++;
    return {std::min<uint64_t>(end * 4096, bytes_.size()), data};
  }

  std::atomic<uint64_t> reads{0}, runs{0};
  uint64_t bad_from = 0, bad_until = 0, longest = UINT64_MAX / 2;

 private:
  bool data_at(uint64_t page) const {
    const auto from = bytes_.begin() + static_cast<ptrdiff_t>(page * 4096);
    return std::any_of(from, from + static_cast<ptrdiff_t>(std::min<uint64_t>(4096, bytes_.size() - page * 4096)), [](uint8_t byte) { return byte != 0; });
  }
  const Bytes bytes_;
};

// Any part of [0, size): short and long, at its ends more often than chance has it.
inline std::pair<uint64_t, size_t> random_part(Dice& dice, uint64_t size, uint64_t most) {
  uint64_t offset = dice.below(size);
  if (dice.chance(40)) offset = offset / 4096 * 4096;
  uint64_t length = dice.between(1, dice.chance(50) ? std::min<uint64_t>(most, 5000) : most);
  if (dice.chance(30)) length = (length + 4095) / 4096 * 4096;
  if (dice.chance(10)) offset = size - std::min(size, length);
  return {offset, static_cast<size_t>(std::min(length, size - offset))};
}

// The parts of a content by its runs: they follow each other, and what they call zeros is.
inline void check_runs(Content& content, const Bytes& expected, uint64_t from = 0) {
  for (uint64_t at = from; at < content.size();) {
    const Content::Run run = content.run_at(at);
    ASSERT_GT(run.end, at);
    ASSERT_LE(run.end, content.size());
    if (!run.data) {
      for (uint64_t i = at; i < run.end; i++) ASSERT_EQ(expected[i], 0) << i;
    }
    at = run.end;
  }
}

}  // namespace strata::test
