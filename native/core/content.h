// Bytes that can be read from any place by any thread: what mounts, NBD and exports serve.
#pragma once
#include <atomic>
#include <memory>
#include <span>

#include "error.h"

namespace strata {

// How one reader goes through a content: an open file, a connection. What comes next is guessed from it.
class Stream {
 public:
  // Tells of a read of [offset, offset + length); returns how far ahead of its end it is worth opening blocks, in bytes.
  // Several requests of one reader may be under way, and come in any order within a few MiB.
  uint64_t note(uint64_t offset, uint64_t length) {
    const uint64_t end = offset + length, next = next_.load(std::memory_order_relaxed);
    const bool follows = offset <= next + kSlack && offset + kSlack >= next;
    const uint32_t run = follows ? std::min(run_.load(std::memory_order_relaxed) + 1, 16u) : 0;
    run_.store(run, std::memory_order_relaxed);
    if (!follows || end > next) next_.store(end, std::memory_order_relaxed);
    return run < 2 ? 0 : std::min<uint64_t>(uint64_t{1} << (18 + run), kMostAhead);
  }

  struct Range {
    uint64_t from = 0, until = 0;
  };
  // After `note`: what of a content that lies elsewhere is worth asking for, though it is not to be opened yet, when one reads up to `end`. Mostly
  // nothing: it is told of in large pieces, each once.
  Range next_to_fetch(uint64_t end) {
    if (run_.load(std::memory_order_relaxed) < kSureRun) return {};
    uint64_t from = std::max(fetched_.load(std::memory_order_relaxed), end);
    if (from > end + kMostFetched) from = end;  // told of at another place
    if (from > end + kMostFetched / 2) return {};
    fetched_.store(end + kMostFetched, std::memory_order_relaxed);
    return {from, end + kMostFetched};
  }

 private:
  static constexpr uint64_t kSlack = 4 << 20, kMostAhead = 8 << 20;
  // Of a disk, in bytes; less than a Remote keeps, so that nothing is dropped before it is read.
  static constexpr uint64_t kMostFetched = 32 << 20;
  static constexpr uint32_t kSureRun = 4;
  std::atomic<uint64_t> next_{0}, fetched_{0};
  std::atomic<uint32_t> run_{0};
};

class Content {
 public:
  struct Run {
    uint64_t end;  // offset of its end
    bool data;
  };

  virtual ~Content() = default;
  virtual uint64_t size() const = 0;
  // Fills `out`, which lies within the size. Throws; then what is in `out` means nothing.
  virtual void read(Stream& stream, uint64_t offset, std::span<uint8_t> out) = 0;
  // The run that `offset`, which lies within the size, is in: data, or zeros. The run may go on as another of the same kind.
  virtual Run run_at(uint64_t offset) = 0;

  virtual bool writable() const { return false; }
  virtual void write(uint64_t, std::span<const uint8_t>) { refuse(); }
  virtual void zero(uint64_t, uint64_t) { refuse(); }
  virtual void flush() {}

 private:
  [[noreturn]] static void refuse() { throw Error("READ_ONLY", "it cannot be written", 30); }
};

}  // namespace strata
