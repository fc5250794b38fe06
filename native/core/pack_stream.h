// The packs that a run makes: numbered in order, closed by the frame that reaches their size, and given out when they are whole.
//
// Whoever takes one answers for it, from any thread. At most a few are unanswered at a time, and a run ends when all are answered for,
// however it ends: so the caller knows of each file in the spool folder what became of it.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <optional>

#include "control.h"
#include "pack.h"

namespace strata {

using RunId = std::array<uint8_t, 12>;

struct FinishedPack {
  uint32_t sequence;
  PackId id;
  std::string path;
  uint64_t bytes;
  size_t frames;
};

inline PackId pack_id(const RunId& run, uint32_t sequence) {
  PackId out;
  std::copy(run.begin(), run.end(), out.begin());
  const uint32_t number = __builtin_bswap32(sequence);
  memcpy(out.data() + run.size(), &number, sizeof number);
  return out;
}

class PackStream {
 public:
  using OnPack = std::function<void(const FinishedPack&)>;
  struct Options {
    std::string spool;
    RunId run_id{};
    uint64_t pack_size = 0;
    uint32_t first = 0;  // sequence number of the first pack
  };
  PackStream(Options options, Control& control, OnPack on_pack);

  // Does `work`, waits for the answers, however it ended, and throws when a pack could not be stored.
  template <typename Work>
  void run(Work&& work) {
    try {
      work();
    } catch (...) {
      await_answers();
      throw;
    }
    if (!await_answers()) throw Error("PACK_STORE_FAILED", "a pack could not be stored");
  }

  // For one thread. The pack that frames are appended to; begun when there is none.
  PackWriter& current();
  // The pack was appended to: gives it out when it has reached its size.
  void appended(FrameCodec& codec);
  // Gives out what there is, if anything.
  void give_out(FrameCodec& codec);
  // Gives out one that was made elsewhere.
  void give_out(const FinishedPack& pack);

  uint64_t pack_size() const { return options_.pack_size; }
  // Of all packs so far.
  uint64_t bytes() const { return bytes_; }

  // Answers, from any thread.
  void stored() { answer(true); }
  void failed();
  // Waits for no answers any more: whoever would give them is gone.
  void abandon();
  // Looks again at whether the run is to stop.
  void wake();

 private:
  void answer(bool stored);
  bool await_answers();

  const Options options_;
  Control& control_;
  const OnPack on_pack_;
  std::optional<PackWriter> pack_;
  uint32_t sequence_;
  uint64_t given_out_ = 0;
  std::atomic<uint64_t> bytes_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned unanswered_ = 0;
  bool failed_ = false, abandoned_ = false;
};

}  // namespace strata
