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
    const auto [found, fresh] = numbers_.try_emplace(id, static_cast<uint32_t>(ids_.size() + 1));
    if (fresh) ids_.push_back(id);
    return found->second;
  }

  PackId id(uint32_t number) const {
    const std::lock_guard lock(mutex_);
    return ids_.at(number - 1);
  }

 private:
  mutable std::mutex mutex_;
  std::map<PackId, uint32_t> numbers_;
  std::vector<PackId> ids_;
};

}  // namespace strata
