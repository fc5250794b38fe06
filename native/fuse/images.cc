#include "images.h"

#include <cerrno>

namespace strata {

void Images::provide(uint64_t number, std::shared_ptr<Content> content) {
  {
    const std::lock_guard lock(mutex_);
    sizes_[number] = content->size();
    Slot& it = slots_[number];
    it.asked = false;
    if (!it.content) {
      recent_.push_front(number);
      it.place = recent_.begin();
    }
    it.content = std::move(content);
    trim();
  }
  changed_.notify_all();
}

void Images::refuse(uint64_t number, int error) {
  {
    const std::lock_guard lock(mutex_);
    Slot& it = slots_[number];
    it.asked = false;
    it.error = error;
    it.refusals++;
  }
  changed_.notify_all();
}

int Images::get(uint64_t number, std::shared_ptr<Content>& out) {
  std::unique_lock lock(mutex_);
  if (ended_) return EIO;
  if (const Slot& it = slots_[number]; it.content) {
    recent_.splice(recent_.begin(), recent_, it.place);
    out = it.content;
    return 0;
  }
  const uint64_t refusals = slots_[number].refusals;
  waiting_++;
  if (!slots_[number].asked) {
    slots_[number].asked = true;
    lock.unlock();
    ask_(number);
    lock.lock();
  }
  changed_.wait(lock, [&] { return ended_ || slots_[number].content || slots_[number].refusals != refusals; });
  waiting_--;
  const Slot& it = slots_[number];
  if (ended_) return EIO;
  if (!it.content) return it.error;
  out = it.content;
  return 0;
}

int Images::size(uint64_t number, uint64_t& out) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = sizes_.find(number); found != sizes_.end()) {
      out = found->second;
      return 0;
    }
  }
  std::shared_ptr<Content> content;
  if (const int error = get(number, content); error != 0) return error;
  out = content->size();
  return 0;
}

void Images::end() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
}

std::pair<size_t, size_t> Images::gauges() const {
  const std::lock_guard lock(mutex_);
  return {recent_.size(), waiting_};
}

// Lets those go that nobody holds, the longest unused first.
void Images::trim() {
  for (auto it = recent_.end(); recent_.size() > kKept && it != recent_.begin();) {
    --it;
    Slot& slot = slots_[*it];
    if (slot.content.use_count() > 1 || slot.content->writable()) continue;
    slot.content.reset();
    it = recent_.erase(it);
  }
}

}  // namespace strata
