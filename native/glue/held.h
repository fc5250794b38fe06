// What JavaScript holds of a long action: the action itself while it runs, afterwards only its last progress. So its memory and its open
// files go when it ends, not when the collector finds the handle.
#pragma once
#include <memory>
#include <mutex>
#include <utility>

namespace strata::glue {

template <typename Action>
class Held {
 public:
  using Progress = decltype(std::declval<const Action&>().progress());
  explicit Held(std::shared_ptr<Action> action) : action_(std::move(action)) {}

  // Runs it on this thread and lets go of it, also when it throws.
  auto run() {
    const Release release{*this};
    return action()->run();
  }

  std::shared_ptr<Action> action() const {
    const std::lock_guard lock(mutex_);
    return action_;
  }

  void cancel() {
    if (const auto running = action()) running->cancel();
  }

  Progress progress() const {
    const std::lock_guard lock(mutex_);
    return action_ ? action_->progress() : last_;
  }

 private:
  struct Release {
    Held& held;
    ~Release() {
      std::shared_ptr<Action> done;
      const std::lock_guard lock(held.mutex_);
      held.last_ = held.action_->progress();
      done.swap(held.action_);
    }
  };
  mutable std::mutex mutex_;
  std::shared_ptr<Action> action_;
  Progress last_{};
};

}  // namespace strata::glue
