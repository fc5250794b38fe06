// A store that takes packs from a backup, and answers when the test says so.
#pragma once
#include <condition_variable>
#include <deque>
#include <thread>

#include "code_of.h"
#include "small_repository.h"

namespace strata::test {

class SlowStore {
 public:
  void take(const FinishedPack& pack) {
    const std::lock_guard lock(mutex_);
    packs_.push_back(pack);
    most_ = std::max(most_, packs_.size());
    changed_.notify_all();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  // The oldest pack that is unanswered, waited for; none once the backup has ended.
  std::optional<FinishedPack> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !packs_.empty() || closed_; });
    EXPECT_TRUE(packs_.empty() || !closed_) << "a backup ends when all its packs are answered for";
    if (packs_.empty()) return {};
    const FinishedPack out = packs_.front();
    packs_.pop_front();
    return out;
  }
  // Waits until that many were never answered.
  void wait_for(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return packs_.size() >= count; });
  }
  size_t most() {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<FinishedPack> packs_;
  size_t most_ = 0;
  bool closed_ = false;
};

// A backup on a thread of its own, with its packs in `store`.
class RunningBackup {
 public:
  RunningBackup(BackupOptions options, SlowStore& store)
      : backup_(std::move(options), [&store](const FinishedPack& pack) { store.take(pack); }), thread_([this, &store] {
          code_ = code_of([this] { outcome_ = backup_.run(); });
          store.close();
        }) {}
  ~RunningBackup() {
    if (thread_.joinable()) thread_.join();
  }
  Backup& operator*() { return backup_; }
  Backup* operator->() { return &backup_; }
  // Waits for its end; "no error" or the code that it failed with.
  std::string code() {
    if (thread_.joinable()) thread_.join();
    return code_;
  }
  const BackupOutcome& outcome() const { return outcome_; }

 private:
  Backup backup_;
  BackupOutcome outcome_;
  std::string code_;
  std::thread thread_;
};

}  // namespace strata::test
