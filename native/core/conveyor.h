// Work handed to a second thread, batch by batch in order. At most a few batches wait, so whoever is faster waits for the other.
#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace strata {

template <typename Batch>
class Conveyor {
 public:
  // `work` is called for each batch, on the thread.
  explicit Conveyor(std::function<void(const Batch&)> work) : work_(std::move(work)), thread_([this] { take_all(); }) {}
  // What still waits is dropped.
  ~Conveyor() {
    {
      const std::lock_guard lock(mutex_);
      waiting_.clear();
    }
    close();
  }
  Conveyor(const Conveyor&) = delete;

  // Throws what `work` threw for an earlier batch.
  void put(Batch batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_.size() < kMost || failure_; });
    if (failure_) std::rethrow_exception(failure_);
    waiting_.push_back(std::move(batch));
    changed_.notify_all();
  }

  // Waits until all is done; throws what `work` threw.
  void finish() {
    close();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  static constexpr size_t kMost = 4;

  void take_all() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return !waiting_.empty() || closed_; });
      if (waiting_.empty()) return;
      const Batch batch = std::move(waiting_.front());
      waiting_.pop_front();
      changed_.notify_all();
      lock.unlock();
      try {
        work_(batch);
        lock.lock();
      } catch (...) {
        lock.lock();
        failure_ = std::current_exception();
        changed_.notify_all();
        return;
      }
    }
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

  const std::function<void(const Batch&)> work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> waiting_;
  std::exception_ptr failure_;
  bool closed_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace strata
