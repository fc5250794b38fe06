// What all open points of a process share: the packs, the keys, the cache of opened blocks, and a few threads that open blocks ahead.
#pragma once
#include <deque>
#include <unordered_set>

#include "block_cache.h"
#include "block_reader.h"
#include "point_map.h"

namespace strata {

struct ReadStoreOptions {
  std::shared_ptr<const Vault> vault;
  PackPlace packs;
  uint32_t block_size = 0;
  uint64_t cache_bytes = 0;
  unsigned threads = 0;
};

class ReadStore {
 public:
  explicit ReadStore(ReadStoreOptions options);
  ~ReadStore();
  ReadStore(const ReadStore&) = delete;
  ReadStore& operator=(const ReadStore&) = delete;

  const std::shared_ptr<const Vault>& vault() const { return options_.vault; }
  uint32_t block_size() const { return options_.block_size; }
  PackTable& packs() { return table_; }

  // The raw bytes of a block that is not zero. Throws what BlockReader throws.
  BlockCache::Block open(const BlockEntry& entry);

  // Has a block opened soon by another thread, unless it is there. What fails then fails again when it is read. False: so many wait that there
  // is no use in announcing more now.
  bool announce(const BlockEntry& entry);

  // Whether packs are fetched from elsewhere.
  bool is_far() const { return options_.packs.remote != nullptr; }
  // Has the frames of blocks on their way, neighbours as one range.
  void fetch(std::span<const BlockEntry> entries);

  BlockCache::Counters counters() const { return cache_.counters(); }

 private:
  void load(const BlockEntry& entry, Bytes& out);
  void work();

  const ReadStoreOptions options_;
  PackFolder folder_;
  PackTable table_;
  BlockCache cache_;
  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<BlockReader>> readers_;  // idle ones
  std::mutex ahead_mutex_;
  std::condition_variable ahead_changed_;
  std::deque<BlockEntry> ahead_;
  std::unordered_set<BlockCache::Key, BlockCache::KeyHash> announced_;  // the keys in it
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace strata
