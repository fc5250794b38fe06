#include "images.h"

#include <cerrno>
#include <utility>

namespace strata {

void Images::provide(uint64_t number, std::shared_ptr<Content> content) {
  std::vector<std::shared_ptr<Content>> dropped;  // closed after the lock, which may take long
  {
    const std::lock_guard lock(mutex_);
    sizes_[number] = content->size();
    Content* const bare = content.get();
    std::shared_ptr<Content> counted(bare, [given = std::move(content)](Content*) {});
    Slot& it = slots_[number];
    it.asked = false;
    if (!it.content) {
      recent_.push_front(number);
      it.place = recent_.begin();
    }
    dropped.push_back(std::exchange(it.content, std::move(counted)));
    trim(dropped);
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
  Slot& it = slots_[number];
  const uint64_t refusals = it.refusals;
  waiting_++;
  it.waiting++;
  if (!it.asked) {
    it.asked = true;
    lock.unlock();
    try {
      ask_(number);
    } catch (...) {
      refuse(number, EIO);
    }
    lock.lock();
  }
  changed_.wait(lock, [&] { return ended_ || it.content || it.refusals != refusals; });
  it.waiting--;
  waiting_--;
  if (ended_) return EIO;
  if (!it.content) return it.error;
  out = it.content;
  return 0;
}

bool Images::release(uint64_t number) {
  std::shared_ptr<Content> dropped;  // closed after the lock, which may take long
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(number);
  if (found == slots_.end()) return true;
  Slot& it = found->second;
  if (it.waiting > 0 || it.content.use_count() > 1) return false;
  if (it.content) {
    dropped = std::move(it.content);
    recent_.erase(it.place);
  }
  return true;
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
  if (!content) return EIO;  // it is none that has a size
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

// Lets those go that nobody holds or waits for, the longest unused first.
void Images::trim(std::vector<std::shared_ptr<Content>>& dropped) {
  for (auto it = recent_.end(); recent_.size() > kKept && it != recent_.begin();) {
    --it;
    Slot& slot = slots_[*it];
    if (slot.waiting > 0 || slot.content.use_count() > 1 || slot.content->writable()) continue;
    dropped.push_back(std::move(slot.content));
    it = recent_.erase(it);
  }
}

}  // namespace strata
