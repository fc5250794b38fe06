#include "copy_survey.h"

#include <unordered_map>
#include <unordered_set>

#include "map_page.h"
#include "pack_id_hash.h"

namespace strata {
namespace {

constexpr uint32_t kElsewhere = UINT32_MAX;

class Survey {
 public:
  Survey(const SurveyOptions& options, const Control& control) : options_(options), control_(control), codec_(options.vault) {}

  std::vector<SurveyedFrame> run() {
    collect();
    std::vector<SurveyedFrame> out;
    const std::unordered_set<uint64_t> resumed = resumed_checks();
    each_index(options_.sources, [&](uint32_t number, std::vector<PackedFrame> named) { confirm(number, std::move(named), resumed, out); });
    return out;
  }

 private:
  void collect() {
    std::unordered_map<PackId, uint32_t, PackIdHash> numbers;
    for (const PackFile& pack : options_.sources) numbers.emplace(pack.id, static_cast<uint32_t>(numbers.size()));
    const auto number_of = [&](const PackId& id) {
      const auto found = numbers.find(id);
      return found == numbers.end() ? kElsewhere : found->second;
    };
    uint64_t order = 0;
    visible_frames(options_.vault, options_.chain, control_, number_of, [&](uint32_t pack, const Location& it) {
      if (pack != kElsewhere) shown_.push_back({pack, it.offset, it.length, it.check, order});
      order++;
    });
    const auto place = [](const SurveyedFrame& it) { return std::tuple(it.pack, it.offset, it.order); };
    std::sort(shown_.begin(), shown_.end(), [&](const SurveyedFrame& a, const SurveyedFrame& b) { return place(a) < place(b); });
    const auto same = [](const SurveyedFrame& a, const SurveyedFrame& b) { return a.pack == b.pack && a.offset == b.offset; };
    shown_.erase(std::unique(shown_.begin(), shown_.end(), same), shown_.end());
  }

  std::unordered_set<uint64_t> resumed_checks() {
    std::unordered_set<uint64_t> out;
    each_index(options_.resume, [&](uint32_t, const std::vector<PackedFrame>& named) {
      for (const PackedFrame& it : named) out.insert(check_of(it.digest));
    });
    return out;
  }

  // Keeps of a pack's frames those that its index names, and that no earlier run has copied.
  void confirm(uint32_t number, std::vector<PackedFrame> named, const std::unordered_set<uint64_t>& resumed, std::vector<SurveyedFrame>& out) {
    std::sort(named.begin(), named.end(), [](const PackedFrame& a, const PackedFrame& b) { return a.offset < b.offset; });
    const auto by_pack = [](const SurveyedFrame& it, uint32_t pack) { return it.pack < pack; };
    auto at = named.begin();
    for (auto it = std::lower_bound(shown_.begin(), shown_.end(), number, by_pack); it != shown_.end() && it->pack == number; it++) {
      while (at != named.end() && at->offset < it->offset) at++;
      const bool there = at != named.end() && at->offset == it->offset && at->length == it->length && check_of(at->digest) == it->check;
      if (there && !resumed.contains(it->check)) out.push_back(*it);
    }
  }

  template <typename Each>
  void each_index(const std::vector<PackFile>& packs, Each&& each) {
    for (size_t i = 0; i < std::min(kIndexesAhead, packs.size()); i++) will_need_index(packs[i]);
    for (size_t i = 0; i < packs.size(); i++) {
      if (control_.stopping()) throw Error("CANCELLED", "the reading of pack indexes was cancelled");
      if (i + kIndexesAhead < packs.size()) will_need_index(packs[i + kIndexesAhead]);
      if (auto named = readable_index(codec_, packs[i])) each(static_cast<uint32_t>(i), std::move(*named));
    }
  }

  const SurveyOptions& options_;
  const Control& control_;
  FrameCodec codec_;
  std::vector<SurveyedFrame> shown_;
};

}  // namespace

std::vector<SurveyedFrame> survey_copy(const SurveyOptions& options, const Control& control) { return Survey(options, control).run(); }

}  // namespace strata
