#include "remote.h"

#include <algorithm>

namespace strata {

Remote::Remote(size_t memory, Ask ask) : most_(std::max<size_t>(memory / kChunk, 8)), ask_(std::move(ask)) {}

// The chunks [first, end), and requests for those of them that nobody has asked for.
std::vector<std::shared_ptr<Remote::Chunk>> Remote::find(const std::string& name, uint64_t first, uint64_t end, bool ahead, std::vector<Request>& missing) {
  std::vector<std::shared_ptr<Chunk>> out;
  Flight* flight = nullptr;
  for (uint64_t index = first; index < end; index++) {
    if (const auto found = chunks_.find({name, index}); found != chunks_.end()) {
      if (found->second->here) recent_.splice(recent_.begin(), recent_, found->second->place);
      out.push_back(found->second);
      flight = nullptr;
      continue;
    }
    auto chunk = std::make_shared<Chunk>();
    const bool fresh = wrong_.erase({name, index}) > 0;
    if (flight == nullptr || flight->fresh != fresh) {
      const uint64_t number = numbers_++;
      flight = &flights_.emplace(number, Flight{name, index, {}, fresh}).first->second;
      missing.push_back({number, name, index * kChunk, 0, ahead, fresh});
    }
    flight->chunks.push_back(chunk);
    chunks_.emplace(Key{name, index}, chunk);
    on_their_way_++;
    missing.back().length += kChunk;
    out.push_back(std::move(chunk));
  }
  return out;
}

size_t Remote::read(const std::string& name, uint64_t offset, std::span<uint8_t> out) {
  if (out.empty()) return 0;
  const uint64_t first = offset / kChunk, end = (offset + out.size() - 1) / kChunk + 1;
  std::vector<Request> missing;
  std::unique_lock lock(mutex_);
  if (closed_) throw Error("CANCELLED", "the store was closed");
  const auto chunks = find(name, first, end, false, missing);
  lock.unlock();
  for (const Request& it : missing) ask_(it);
  lock.lock();
  size_t done = 0;
  for (uint64_t index = first; index < end; index++) {
    Chunk& chunk = *chunks[index - first];
    arrived_.wait(lock, [&] { return chunk.here || chunk.error || closed_; });
    if (chunk.error) throw Error(*chunk.error);
    if (!chunk.here) throw Error("CANCELLED", "the store was closed");
    // What is here does not change any more, and is held by this reader.
    lock.unlock();
    const uint64_t inside = index == first ? offset - first * kChunk : 0;
    const size_t count = chunk.bytes.size() <= inside ? 0 : std::min<size_t>(chunk.bytes.size() - inside, out.size() - done);
    if (count > 0) memcpy(out.data() + done, chunk.bytes.data() + inside, count);
    done += count;
    lock.lock();
    if (chunk.bytes.size() < kChunk) break;
  }
  return done;
}

uint64_t Remote::size(const std::string& name) {
  const auto wanted = std::make_shared<Size>();
  std::unique_lock lock(mutex_);
  if (closed_) throw Error("CANCELLED", "the store was closed");
  const uint64_t number = numbers_++;
  size_flights_.emplace(number, wanted);
  lock.unlock();
  ask_({number, name, 0, 0, false, false});
  lock.lock();
  arrived_.wait(lock, [&] { return wanted->bytes || wanted->error || closed_; });
  if (wanted->error) throw Error(*wanted->error);
  if (!wanted->bytes) throw Error("CANCELLED", "the store was closed");
  return *wanted->bytes;
}

void Remote::tell_size(uint64_t number, uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = size_flights_.find(number);
    if (found == size_flights_.end()) return;
    found->second->bytes = bytes;
    size_flights_.erase(found);
  }
  arrived_.notify_all();
}

void Remote::will_need(const std::string& name, uint64_t offset, uint64_t length) noexcept {
  if (length == 0) return;
  try {
    std::vector<Request> missing;
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || on_their_way_ >= most_ / 2) return;
      const uint64_t first = offset / kChunk, end = (offset + length - 1) / kChunk + 1;
      find(name, first, std::min<uint64_t>(end, first + most_ / 2), true, missing);
    }
    for (const Request& it : missing) ask_(it);
  } catch (...) {
    // Out of memory: whoever reads it meets that, too.
  }
}

void Remote::renew(const std::string& name, uint64_t offset, uint64_t length) {
  const std::lock_guard lock(mutex_);
  for (uint64_t index = offset / kChunk; index * kChunk < offset + length; index++) {
    const Key key{name, index};
    if (const auto found = chunks_.find(key); found != chunks_.end()) {
      const Chunk& chunk = *found->second;
      // On its way, or renewed by another reader.
      if (!chunk.here || !chunk.copied) continue;
      recent_.erase(chunk.place);
      chunks_.erase(found);
    }
    wrong_.insert(key);
  }
}

void Remote::deliver(uint64_t number, View bytes, bool copied) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = flights_.find(number);
    if (found == flights_.end()) return;
    auto& [name, first, chunks, fresh] = found->second;
    for (size_t i = 0; i < chunks.size(); i++) {
      const size_t from = std::min<size_t>(i * kChunk, bytes.size()), until = std::min<size_t>(from + kChunk, bytes.size());
      Chunk& chunk = *chunks[i];
      chunk.bytes.assign(bytes.begin() + static_cast<ptrdiff_t>(from), bytes.begin() + static_cast<ptrdiff_t>(until));
      recent_.emplace_front(name, first + i);
      chunk.place = recent_.begin();
      chunk.here = true;
      chunk.copied = copied && !fresh;
    }
    on_their_way_ -= chunks.size();
    flights_.erase(found);
    while (recent_.size() > most_) drop_oldest();
  }
  arrived_.notify_all();
}

void Remote::drop_oldest() {
  chunks_.erase(recent_.back());
  recent_.pop_back();
}

void Remote::fail(uint64_t number, const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto size = size_flights_.find(number); size != size_flights_.end()) {
      size->second->error = error;
      size_flights_.erase(size);
    }
    if (const auto found = flights_.find(number); found != flights_.end()) {
      auto& [name, first, chunks, fresh] = found->second;
      for (size_t i = 0; i < chunks.size(); i++) {
        chunks[i]->error = error;
        // The next reader asks again.
        chunks_.erase({name, first + i});
        if (fresh) wrong_.insert({name, first + i});
      }
      on_their_way_ -= chunks.size();
      flights_.erase(found);
    }
  }
  arrived_.notify_all();
}

void Remote::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_all();
}

Remote::Counters Remote::counters() const {
  const std::lock_guard lock(mutex_);
  return {numbers_, recent_.size(), on_their_way_};
}

}  // namespace strata
