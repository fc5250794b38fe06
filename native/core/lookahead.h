// The tasks of a run that are made, and whose frames are on their way, before they are worked on: from afar each would be waited for. They are made
// many at a time, so that frames side by side become one request. On this machine one is made when it is wanted.
#pragma once
#include <list>

#include "block_reader.h"

namespace strata {

template <typename Task>  // with `places`
class Lookahead {
 public:
  explicit Lookahead(const PackPlace& packs) : most_(packs.remote ? kMost : 0) {}

  // The next task, by `make`, which tells whether there was one more.
  template <typename Make>
  bool take(Task& out, Make&& make) {
    if (tasks_.empty() || bytes_ <= most_ / 2)
      for (Task made; (tasks_.empty() || bytes_ < most_) && make(made); made = Task()) {
        bytes_ += weight(made);
        tasks_.push_back(std::move(made));
      }
    if (tasks_.empty()) return false;
    out = std::move(tasks_.front());
    tasks_.pop_front();
    bytes_ -= weight(out);
    return true;
  }

 private:
  // Of frames; less than Remote has on its way at most.
  static constexpr uint64_t kMost = 24 << 20;
  // A task without frames is not nothing: a disk may consist of them.
  static constexpr uint64_t kLeast = 64 << 10;

  static uint64_t weight(const Task& task) {
    uint64_t bytes = kLeast;
    for (const BlockPlace& it : task.places) bytes += it.length;
    return bytes;
  }

  const uint64_t most_;
  std::list<Task> tasks_;
  uint64_t bytes_ = 0;
};

}  // namespace strata
