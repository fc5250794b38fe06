#include "read_store.h"

#include <algorithm>

namespace strata {

namespace {
constexpr size_t kMostAnnounced = 64, kMostIdle = 16;

// Blocks' worth of memory for buffers: spare ones, and those that blocks are read into and opened from; and one block in so many for what is lost between them.
constexpr uint64_t kBuffers = 64, kLostBetween = 32;

// How many blocks are kept, so that they and the buffers take no more than was given.
size_t kept_blocks(uint64_t bytes, uint32_t block_size) {
  const uint64_t all = bytes / block_size;
  return static_cast<size_t>(all - std::min(all / 4, kBuffers + all / kLostBetween));
}

BlockCache::Key key_of(const BlockEntry& entry) { return {uint64_t{entry.pack} << 32 | entry.offset, entry.check}; }
}  // namespace

ReadStore::ReadStore(ReadStoreOptions options)
    : options_(std::move(options)), folder_(options_.packs), cache_(kept_blocks(options_.cache_bytes, options_.block_size)) {
  try {
    for (unsigned i = 0; i < thread_count(options_.threads); i++) threads_.emplace_back([this] { work(); });
  } catch (...) {
    // With fewer of them, or none, blocks are opened by those who read them.
  }
}

ReadStore::~ReadStore() {
  {
    const std::lock_guard lock(ahead_mutex_);
    ending_ = true;
  }
  ahead_changed_.notify_all();
  for (std::thread& it : threads_) it.join();
}

BlockCache::Block ReadStore::open(const BlockEntry& entry) {
  struct Job {
    ReadStore* store;
    const BlockEntry* entry;
  };
  const Job job{this, &entry};
  return cache_.get(key_of(entry), [&job](Bytes& out) { job.store->load(*job.entry, out); });
}

void ReadStore::load(const BlockEntry& entry, Bytes& out) {
  std::unique_ptr<BlockReader> reader;
  {
    const std::lock_guard lock(readers_mutex_);
    if (!readers_.empty()) {
      reader = std::move(readers_.back());
      readers_.pop_back();
    }
  }
  if (!reader) reader = std::make_unique<BlockReader>(options_.vault, folder_, options_.block_size);
  const BlockPlace place{0, table_.id(entry.pack), entry.offset, entry.length, entry.check};
  reader->fetch({&place, 1});
  reader->open(place, Check::fast, out);
  // Each has buffers of a block's size: of large blocks, no more are kept than blocks are.
  const std::lock_guard lock(readers_mutex_);
  if (readers_.size() < std::clamp<uint64_t>(options_.cache_bytes / options_.block_size, 1, kMostIdle)) readers_.push_back(std::move(reader));
}

bool ReadStore::announce(const BlockEntry& entry) {
  if (threads_.empty()) return false;
  if (cache_.holds(key_of(entry))) return true;
  {
    const std::lock_guard lock(ahead_mutex_);
    if (ahead_.size() >= kMostAnnounced) return false;
    if (!announced_.insert(key_of(entry)).second) return true;
    ahead_.push_back(entry);
  }
  ahead_changed_.notify_one();
  // Several threads that read a pack by turns hide from the system that it is read front to back.
  folder_.will_need(table_.id(entry.pack), entry.offset, entry.length);
  return true;
}

void ReadStore::fetch(std::span<const BlockEntry> entries) {
  std::vector<BlockPlace> places;
  for (const BlockEntry& it : entries)
    if (it.pack != 0) places.push_back({0, table_.id(it.pack), it.offset, it.length, it.check});
  strata::announce(folder_, places);
}

void ReadStore::work() {
  while (true) {
    BlockEntry entry;
    {
      std::unique_lock lock(ahead_mutex_);
      ahead_changed_.wait(lock, [this] { return ending_ || !ahead_.empty(); });
      if (ending_) return;
      entry = ahead_.front();
      ahead_.pop_front();
      announced_.erase(key_of(entry));
    }
    if (cache_.holds(key_of(entry))) continue;
    try {
      open(entry);
    } catch (...) {
      // Whoever reads the block meets the same failure, and tells of it.
    }
  }
}

}  // namespace strata
