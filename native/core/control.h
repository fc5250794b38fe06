// How a run is stopped: a flag that every loop looks at, and the first failure of any of its threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace strata {

class Control {
 public:
  void cancel() {
    cancelled_ = true;
    halt();
  }
  bool cancelled() const { return cancelled_; }
  // True when the threads should end, for whatever reason.
  bool stopping() const { return stopping_; }

  // Keeps the first failure and stops the rest.
  void fail(std::exception_ptr failure) {
    {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = failure;
    }
    halt();
  }

  void rethrow() {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
  }

  // Runs `work` on `count` threads and waits for all; throws the first failure. `wake` is called when one fails.
  template <typename Work, typename Wake>
  void parallel(unsigned count, Work work, Wake wake) {
    const auto guarded = [&](auto&& part) {
      try {
        part();
      } catch (...) {
        fail(std::current_exception());
        wake();
      }
    };
    std::vector<std::thread> threads;
    threads.reserve(count);
    // A thread that cannot be made is a failure like any other: those that run already must end before it is thrown.
    guarded([&] {
      for (unsigned i = 0; i < count; i++) threads.emplace_back([&] { guarded(work); });
    });
    for (std::thread& it : threads) it.join();
    rethrow();
  }

 private:
  void halt() { stopping_ = true; }
  std::atomic<bool> cancelled_{false}, stopping_{false};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

// `wanted`, or as many as the machine has processors (at least 2, so that waiting for the disk overlaps with work). Bounded, as each has buffers.
inline unsigned thread_count(unsigned wanted) { return std::min(wanted != 0 ? wanted : std::max(2u, std::thread::hardware_concurrency()), 64u); }

}  // namespace strata
