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
  // Where a block lies and what it must be: two maps may mean different blocks at one place, and one of them is wrong then.
  struct Key {
    uint64_t place, check;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& it) const { return static_cast<size_t>(it.place * 0x9e3779b97f4a7c15 ^ it.check); }
  };
  // Fills the bytes of a block; what they held before is of no meaning.
  using Load = std::function<void(Bytes&)>;

  struct Counters {
    uint64_t hits = 0, misses = 0, blocks = 0, buffers = 0;
  };

  // Keeps `capacity` blocks (at least 1); more may be in use.
  explicit BlockCache(size_t capacity);
  ~BlockCache();

  // The block of `key`, by `load` when it is not there. What `load` throws every waiting reader gets, and nothing is kept.
  Block get(const Key& key, const Load& load);

  bool holds(const Key& key) const;
  Counters counters() const;

 private:
  struct Slot;
  struct Spares;
  using Order = std::list<std::shared_ptr<Slot>>;

  mutable std::mutex mutex_;
  std::condition_variable loaded_;
  const size_t capacity_;
  std::shared_ptr<Spares> spares_;
  std::unordered_map<Key, Order::iterator, KeyHash> places_;
  Order recent_;
  uint64_t hits_ = 0, misses_ = 0;
};

}  // namespace strata
