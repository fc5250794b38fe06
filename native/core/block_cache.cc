#include "block_cache.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <vector>

namespace strata {

namespace {
// Why a block could not be loaded. Each thread that is told gets an Error of its own: the thread sanitizer does not see how libstdc++ counts those
// that share an exception.
struct Failure {
  std::optional<Error> error;
  std::exception_ptr other;

  explicit operator bool() const { return error || other; }
  [[noreturn]] void raise() const {
    if (error) throw Error(*error);
    std::rethrow_exception(other);
  }
};
}  // namespace

struct BlockCache::Slot {
  Key key;
  bool loading = true;
  Block block;      // when it is loaded
  Failure failure;  // when it could not be
};

// Buffers that are not in use: taking one again costs no page faults. Outlives the cache as long as a reader holds a block.
struct BlockCache::Spares {
  // No more than the cache keeps: a block may be of 64 MiB.
  explicit Spares(size_t capacity) : most(std::min<size_t>(capacity, 32)) { list.reserve(most); }

  const size_t most;
  std::mutex mutex;
  std::vector<std::unique_ptr<Bytes>> list;
  std::atomic<uint64_t> in_use{0};

  std::unique_ptr<Bytes> take() {
    std::unique_ptr<Bytes> out;
    {
      const std::lock_guard lock(mutex);
      if (!list.empty()) {
        out = std::move(list.back());
        list.pop_back();
      }
    }
    if (!out) out = std::make_unique<Bytes>();
    in_use++;
    return out;
  }

  // Called when a pointer lets go, which must not throw.
  void give(Bytes* bytes) noexcept {
    std::unique_ptr<Bytes> owned(bytes);
    in_use--;
    const std::lock_guard lock(mutex);
    if (list.size() < most) list.push_back(std::move(owned));
  }
};

BlockCache::BlockCache(size_t capacity) : capacity_(std::max<size_t>(capacity, 1)), spares_(std::make_shared<Spares>(capacity_)) {}
BlockCache::~BlockCache() = default;

BlockCache::Block BlockCache::get(const Key& key, const Load& load) {
  std::shared_ptr<Slot> slot;
  {
    std::unique_lock lock(mutex_);
    if (const auto found = places_.find(key); found != places_.end()) {
      hits_++;
      slot = *found->second;
      recent_.splice(recent_.begin(), recent_, found->second);
      loaded_.wait(lock, [&] { return !slot->loading; });
      if (slot->failure) slot->failure.raise();
      return slot->block;
    }
    misses_++;
    slot = std::make_shared<Slot>();
    slot->key = key;
    recent_.push_front(slot);
    try {
      places_.emplace(key, recent_.begin());
    } catch (...) {
      recent_.pop_front();  // or it would seem to be loading for ever
      throw;
    }
  }
  Block block;
  Failure failure;
  try {
    std::unique_ptr<Bytes> bytes = spares_->take();
    // From here on the buffer goes back to the spares, whatever happens.
    const std::shared_ptr<Bytes> owned(bytes.release(), [spares = spares_](Bytes* it) { spares->give(it); });
    load(*owned);
    block = owned;
  } catch (const Error& error) {
    try {
      failure.error = error;
    } catch (...) {
      failure.other = std::current_exception();
    }
  } catch (...) {
    failure.other = std::current_exception();
  }
  Order dropped;  // freed after the lock; a reader that still waits for one holds it
  {
    const std::lock_guard lock(mutex_);
    slot->loading = false;
    slot->block = block;
    slot->failure = std::move(failure);
    const auto found = places_.find(key);
    if (slot->failure) {
      recent_.erase(found->second);
      places_.erase(found);
    }
    // Those that are being loaded stay: their loaders look for them.
    for (auto it = recent_.end(); recent_.size() > capacity_ && it != recent_.begin();) {
      --it;
      if ((*it)->loading) continue;
      // Nothing here may fail: others wait to be told.
      places_.erase((*it)->key);
      dropped.splice(dropped.begin(), recent_, it++);
    }
  }
  loaded_.notify_all();
  if (slot->failure) slot->failure.raise();
  return block;
}

bool BlockCache::holds(const Key& key) const {
  const std::lock_guard lock(mutex_);
  return places_.contains(key);
}

BlockCache::Counters BlockCache::counters() const {
  const std::lock_guard lock(mutex_);
  return {hits_, misses_, recent_.size(), spares_->in_use.load()};
}

}  // namespace strata
