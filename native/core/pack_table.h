// Numbers for the packs that many points share: a place in a pack is then small enough to be kept for every block.
#pragma once
#include <map>
#include <mutex>

#include "bytes.h"

namespace strata {

class PackTable {
 public:
  // The number of a pack, from 1.
  uint32_t number(const PackId& id) {
    const std::lock_guard lock(mutex_);
    if (const auto found = numbers_.find(id); found != numbers_.end()) return found->second;
    // In this order a failure leaves a number that nobody uses. In the other, two packs would have the same.
    ids_.push_back(id);
    return numbers_[id] = static_cast<uint32_t>(ids_.size());
  }

  // Numbers come back from a file: one that was not given is the failure of a disk, not of a caller.
  PackId id(uint32_t number) const {
    const std::lock_guard lock(mutex_);
    if (number == 0 || number > ids_.size()) throw Error("SPOOL_READ", "a point's map names a pack that there is not");
    return ids_[number - 1];
  }

 private:
  mutable std::mutex mutex_;
  std::map<PackId, uint32_t> numbers_;
  std::vector<PackId> ids_;
};

}  // namespace strata
