// Opened blocks, kept for the next reader: as many as fit, those used last. A block that several want at once is opened once.
#pragma once
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "bytes.h"

namespace strata {

class BlockCache {
 public:
  using Block = std::shared_ptr<const Bytes>;
  // Fills the bytes of a block; what they held before is of no meaning.
  using Load = std::function<void(Bytes&)>;

  struct Counters {
    uint64_t hits = 0, misses = 0, blocks = 0, buffers = 0;
  };

  // Keeps `capacity` blocks (at least 1); more may be in use.
  explicit BlockCache(size_t capacity);
  ~BlockCache();

  // The block of `key`, by `load` when it is not there. What `load` throws every waiting reader gets, and nothing is kept.
  Block get(uint64_t key, const Load& load);

  bool holds(uint64_t key) const;
  Counters counters() const;

 private:
  struct Slot;
  struct Spares;
  using Order = std::list<std::shared_ptr<Slot>>;

  mutable std::mutex mutex_;
  std::condition_variable loaded_;
  const size_t capacity_;
  std::shared_ptr<Spares> spares_;
  std::unordered_map<uint64_t, Order::iterator> places_;
  Order recent_;
  uint64_t hits_ = 0, misses_ = 0;
};

}  // namespace strata
