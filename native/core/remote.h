// Objects that lie elsewhere, seen as chunks: who reads waits for those that it needs, what is announced is asked for without waiting.
//
// Whoever made this (JavaScript, glue/remote.cc) hears of what is to be fetched and delivers it, in any order. Chunks side by side that nobody has
// asked for yet are one request. What was delivered is kept as long as there is room, those used last; a chunk that several want is fetched once.
#pragma once
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>

#include "bytes.h"

namespace strata {

class Remote {
 public:
  static constexpr uint64_t kChunk = 128 << 10;

  // Whole chunks of an object, or its size (a length of 0): answered by deliver, tell_size or fail, with its number.
  struct Request {
    uint64_t number;
    std::string name;
    uint64_t offset, length;
    // Nobody waits for it yet.
    bool ahead;
    // A copy of it turned out to be wrong: it must come from where the object lies.
    bool fresh;
  };
  // Called by any thread, with nothing locked; must neither block nor throw.
  using Ask = std::function<void(const Request&)>;

  // Keeps about `memory` bytes of what was delivered; as much more may be on its way.
  Remote(size_t memory, Ask ask);

  // Reads up to out.size() bytes at `offset`, less only at the end of the object. Throws what `fail` was told.
  size_t read(const std::string& name, uint64_t offset, std::span<uint8_t> out);
  uint64_t size(const std::string& name);
  // Has a range fetched that is to be read soon, unless too much is on its way already. A failure shows when it is read.
  void will_need(const std::string& name, uint64_t offset, uint64_t length) noexcept;

  // Lets go of what came of a range, as it turned out to be wrong, unless it came from where the object lies: the next reader has it fetched from there.
  void renew(const std::string& name, uint64_t offset, uint64_t length);

  // What was asked for; shorter when the object ends before. `copied`: some of it comes from copies, not from where the object lies.
  void deliver(uint64_t number, View bytes, bool copied = false);
  void tell_size(uint64_t number, uint64_t bytes);
  void fail(uint64_t number, const Error& error);
  // Lets go of all readers, now and later: the one who delivers is going.
  void close();

  struct Counters {
    uint64_t requests = 0, kept = 0, on_their_way = 0;
  };
  Counters counters() const;

 private:
  struct Chunk {
    bool here = false, copied = false;
    Bytes bytes;
    std::optional<Error> error;
    std::list<std::pair<std::string, uint64_t>>::iterator place;
  };
  using Key = std::pair<std::string, uint64_t>;
  struct KeyHash {
    size_t operator()(const Key& key) const { return std::hash<std::string>()(key.first) ^ static_cast<size_t>(key.second * 0x9e3779b97f4a7c15); }
  };
  struct Size {
    std::optional<uint64_t> bytes;
    std::optional<Error> error;
  };
  struct Flight {
    std::string name;
    uint64_t first;
    std::vector<std::shared_ptr<Chunk>> chunks;
    bool fresh;
  };

  std::vector<std::shared_ptr<Chunk>> find(const std::string& name, uint64_t first, uint64_t end, bool ahead, std::vector<Request>& missing);
  void drop_oldest();

  const size_t most_;
  const Ask ask_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::unordered_map<Key, std::shared_ptr<Chunk>, KeyHash> chunks_;
  std::list<Key> recent_;  // those that are here, the last used first
  std::set<Key> wrong_;    // those whose copies are not to be believed
  std::map<uint64_t, Flight> flights_;
  std::map<uint64_t, std::shared_ptr<Size>> size_flights_;
  uint64_t numbers_ = 0;
  size_t on_their_way_ = 0;
  bool closed_ = false;
};

}  // namespace strata
