// The images that a mount has open. TypeScript prepares one when it is first asked for; those not in use for long are let go.
// A folder whose entries are made on demand is asked for in the same way: refused with 0 it is there, in a new tree.
#pragma once
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "../core/content.h"

namespace strata {

class Images {
 public:
  // `ask` is called, on any thread, when image `number` is needed; `provide` or `refuse` must answer. What it throws is a refusal with EIO.
  explicit Images(std::function<void(uint64_t number)> ask) : ask_(std::move(ask)) {}

  void provide(uint64_t number, std::shared_ptr<Content> content);
  void refuse(uint64_t number, int error);

  // Waits for an image; the positive errno when there is none. 0 without a content: it was refused with 0.
  int get(uint64_t number, std::shared_ptr<Content>& out);

  // Lets go of an image, so that it is asked for anew; false when somebody has it open or waits for it.
  bool release(uint64_t number);

  // The size of an image, which stays known when it is let go.
  int size(uint64_t number, uint64_t& out);

  // Nobody waits any longer: EIO for all.
  void end();

  // Images kept open, and readers that wait for one.
  std::pair<size_t, size_t> gauges() const;

 private:
  static constexpr size_t kKept = 64;
  struct Slot {
    std::shared_ptr<Content> content;  // counted here alone: others than us and readers may hold what `provide` was given
    bool asked = false;
    uint64_t refusals = 0;
    int error = 0;
    size_t waiting = 0;
    std::list<uint64_t>::iterator place;
  };
  void trim(std::vector<std::shared_ptr<Content>>& dropped);

  const std::function<void(uint64_t)> ask_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<uint64_t, Slot> slots_;
  std::unordered_map<uint64_t, uint64_t> sizes_;
  std::list<uint64_t> recent_;  // those with a content, used last first
  size_t waiting_ = 0;
  bool ended_ = false;
};

}  // namespace strata
