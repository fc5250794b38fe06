#include "block_cache.h"

#include <algorithm>
#include <atomic>
#include <vector>

namespace strata {

struct BlockCache::Slot {
  uint64_t key = 0;
  bool loading = true;
  Block block;                 // when it is loaded
  std::exception_ptr failure;  // when it could not be
};

// Buffers that are not in use: taking one again costs no page faults. Outlives the cache as long as a reader holds a block.
struct BlockCache::Spares {
  static constexpr size_t kMost = 32;
  std::mutex mutex;
  std::vector<std::unique_ptr<Bytes>> list;
  std::atomic<uint64_t> in_use{0};

  std::unique_ptr<Bytes> take() {
    in_use++;
    const std::lock_guard lock(mutex);
    if (list.empty()) return std::make_unique<Bytes>();
    auto out = std::move(list.back());
    list.pop_back();
    return out;
  }

  void give(Bytes* bytes) {
    std::unique_ptr<Bytes> owned(bytes);
    in_use--;
    const std::lock_guard lock(mutex);
    if (list.size() < kMost) list.push_back(std::move(owned));
  }
};

BlockCache::BlockCache(size_t capacity) : capacity_(std::max<size_t>(capacity, 1)), spares_(std::make_shared<Spares>()) {}
BlockCache::~BlockCache() = default;

BlockCache::Block BlockCache::get(uint64_t key, const Load& load) {
  std::shared_ptr<Slot> slot;
  {
    std::unique_lock lock(mutex_);
    if (const auto found = places_.find(key); found != places_.end()) {
      hits_++;
      slot = *found->second;
      recent_.splice(recent_.begin(), recent_, found->second);
      loaded_.wait(lock, [&] { return !slot->loading; });
      if (slot->failure) std::rethrow_exception(slot->failure);
      return slot->block;
    }
    misses_++;
    slot = std::make_shared<Slot>();
    slot->key = key;
    recent_.push_front(slot);
    places_[key] = recent_.begin();
  }
  Block block;
  std::exception_ptr failure;
  try {
    std::unique_ptr<Bytes> bytes = spares_->take();
    // From here on the buffer goes back to the spares, whatever happens.
    const std::shared_ptr<Bytes> owned(bytes.release(), [spares = spares_](Bytes* it) { spares->give(it); });
    load(*owned);
    block = owned;
  } catch (...) {
    failure = std::current_exception();
  }
  std::vector<std::shared_ptr<Slot>> dropped;  // freed after the lock; a reader that still waits for one holds it
  {
    const std::lock_guard lock(mutex_);
    slot->loading = false;
    slot->block = block;
    slot->failure = failure;
    const auto found = places_.find(key);
    if (failure) {
      recent_.erase(found->second);
      places_.erase(found);
    }
    // Those that are being loaded stay: their loaders look for them.
    for (auto it = recent_.end(); recent_.size() > capacity_ && it != recent_.begin();) {
      --it;
      if ((*it)->loading) continue;
      places_.erase((*it)->key);
      dropped.push_back(std::move(*it));
      it = recent_.erase(it);
    }
  }
  loaded_.notify_all();
  if (failure) std::rethrow_exception(failure);
  return block;
}

bool BlockCache::holds(uint64_t key) const {
  const std::lock_guard lock(mutex_);
  return places_.contains(key);
}

BlockCache::Counters BlockCache::counters() const {
  const std::lock_guard lock(mutex_);
  return {hits_, misses_, recent_.size(), spares_->in_use.load()};
}

}  // namespace strata
