// The packs that a new column names, numbered in the order of their first use.
#pragma once
#include <map>
#include <vector>

#include "bytes.h"

namespace strata {

class PackNumbers {
 public:
  uint32_t number(const PackId& id) {
    const auto [place, added] = numbers_.try_emplace(id, static_cast<uint32_t>(ids_.size()));
    if (added) ids_.push_back(id);
    return place->second;
  }
  const std::vector<PackId>& ids() const { return ids_; }

 private:
  std::map<PackId, uint32_t> numbers_;
  std::vector<PackId> ids_;
};

// The same for the packs that an old column names, by their numbers there: each is looked up once.
class RenumberedPacks {
 public:
  // Both must outlive this.
  RenumberedPacks(PackNumbers& numbers, const std::vector<PackId>& packs) : numbers_(&numbers), packs_(&packs), known_(packs.size(), kUnknown) {}
  uint32_t operator[](uint32_t pack) {
    uint32_t& known = known_[pack];
    if (known == kUnknown) known = numbers_->number((*packs_)[pack]);
    return known;
  }

 private:
  static constexpr uint32_t kUnknown = UINT32_MAX;
  PackNumbers* numbers_;
  const std::vector<PackId>* packs_;
  std::vector<uint32_t> known_;
};

}  // namespace strata
