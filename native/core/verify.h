// Verify: every block of a chain (or a sample) is read, opened and hashed again; what is damaged is named and the rest goes on.
// Of each pack that the chain refers to, head, index and trailer are checked too: damage there costs no content, and has length 0.
#pragma once
#include <set>

#include "control.h"
#include "lookahead.h"
#include "merkle.h"

namespace strata {

struct VerifyOptions {
  std::shared_ptr<const Vault> vault;
  std::vector<Layer> chain;
  PackPlace packs;
  uint64_t size = 0;
  uint32_t block_size = 0;
  double sample_percent = 100;
  uint64_t seed = 0;
  unsigned threads = 0;
  // Frames that were found damaged before: which of them are good is told.
  std::vector<BadPlace> suspects{};
};

struct Damage {
  uint64_t offset, length;
  std::string pack, code, message;
  // Where the damaged frames lie in the pack; none when the pack is lost, or something else is damaged.
  std::vector<uint32_t> frames;
};

struct VerifyProgress {
  uint64_t position, blocks_checked, bytes_read, damaged;
};

struct VerifyOutcome {
  bool cancelled = false;
  uint64_t blocks_checked = 0, bytes_read = 0;
  Digest root{};
  std::vector<Damage> damage;
  // Suspects that were read and are good.
  std::vector<BadPlace> recovered;
};

class Verify {
 public:
  explicit Verify(VerifyOptions options);
  ~Verify();
  VerifyOutcome run();
  void cancel() { control_.cancel(); }
  VerifyProgress progress() const { return {position_, checked_, read_, damaged_}; }

 private:
  struct Task;
  bool make(Task& task);
  bool claim(Task& task);
  void work(BlockReader& reader, Task& task);
  void check(BlockReader& reader, const BlockPlace& place, const BlockDigest& digest);
  void note(std::vector<Damage>& found, uint64_t block, const BlockPlace* place, const Error& error);
  uint64_t disk_bytes(uint64_t start, uint64_t end) const;
  void check_packs(FrameCodec& codec);

  const VerifyOptions options_;
  Control control_;
  PackFolder packs_;
  std::mutex claim_mutex_, damage_mutex_;
  FrameCodec codec_;
  ChainWindow<Location> places_;
  ChainWindow<BlockDigest> digests_;
  Merkle merkle_;
  const uint64_t blocks_;
  uint64_t next_ = 0;
  Lookahead<Task> ahead_;
  std::set<PackId> seen_packs_;
  const std::set<BadPlace> suspects_;
  std::vector<Damage> damage_;
  std::set<BadPlace> recovered_;
  std::atomic<uint64_t> position_{0}, checked_{0}, read_{0}, damaged_{0};
};

}  // namespace strata
