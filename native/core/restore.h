// Restore: the merged chain, written to an open file or device by several threads, in disk order.
//
// fresh: the target reads as zeros; only data is written. overwrite: zeros are written too (or punched). delta: each range of the target is
// read and its quick check compared with the map's; only what differs is opened and written.
#pragma once

#include "control.h"
#include "lookahead.h"

namespace strata {

enum class RestoreMode { fresh, overwrite, delta };

struct RestoreOptions {
  std::shared_ptr<const Vault> vault;
  std::vector<Layer> chain;
  PackPlace packs;
  int fd = -1;
  uint64_t size = 0;
  uint32_t block_size = 0;
  RestoreMode mode = RestoreMode::fresh;
  bool sparse = true;
  unsigned threads = 0;
  uint64_t from = 0, length = 0;
};

struct RestoreProgress {
  uint64_t position, bytes_written, bytes_skipped;
};

class Restore {
 public:
  explicit Restore(RestoreOptions options);
  ~Restore();
  // Returns when all is written (not synced); false when cancelled.
  bool run();
  void cancel() { control_.cancel(); }
  RestoreProgress progress() const { return {position_, written_, skipped_}; }

 private:
  struct Task;
  bool make(Task& task);
  bool claim(Task& task);
  void work(BlockReader& reader, Task& task, Bytes& target);
  void put_block(uint64_t block, View raw);
  void zero_range(uint64_t start, uint64_t end, Bytes& target);
  void clear(uint64_t start, uint64_t end);
  bool differs(BlockReader& reader, uint64_t block, const QuickCheck& expected, Bytes& target);
  std::pair<uint64_t, uint64_t> clip(uint64_t start, uint64_t end) const;
  void write(View bytes, uint64_t at);

  const RestoreOptions options_;
  Control control_;
  PackFolder packs_;
  std::mutex claim_mutex_;
  FrameCodec codec_;
  ChainWindow<Location> places_;
  std::optional<ChainWindow<BlockDigest>> digests_;
  uint64_t next_, end_;
  Lookahead<Task> ahead_;
  std::atomic<uint64_t> position_{0}, written_{0}, skipped_{0};
};

}  // namespace strata
