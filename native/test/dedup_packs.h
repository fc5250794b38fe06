// Packs of tiny made-up frames, and what an index over them must know: for each digest, the places that are right.
#pragma once
#include <set>

#include "dedup_index.h"
#include "dice.h"
#include "sample_vault.h"
#include "temp_folder.h"

namespace strata {

inline bool operator<(const FramePlace& a, const FramePlace& b) { return std::tie(a.pack, a.offset, a.length) < std::tie(b.pack, b.offset, b.length); }

}  // namespace strata

namespace strata::test {

class DedupPacks {
 public:
  using Places = std::map<Digest, std::set<FramePlace>>;

  explicit DedupPacks(uint64_t seed) : dice_(seed), vault_(sample_vault(true)) {}

  // A new pack; a part of its frames are copies of what other packs have.
  void add_pack(size_t frames) {
    std::vector<Digest> digests(frames);
    for (Digest& it : digests) {
      it = !digests_.empty() && dice_.chance(5) ? digests_[dice_.below(digests_.size())] : dice_.digest();
      digests_.push_back(it);
    }
    add_pack_of(digests);
  }

  // A new pack that holds exactly these.
  void add_pack_of(const std::vector<Digest>& digests) {
    PackId id{};
    memcpy(id.data(), &made_, sizeof made_);
    made_++;
    FrameCodec codec(vault_);
    PackWriter pack(folder_ / hex(id), id);
    const Bytes frame(kFrameHeader);
    for (const Digest& it : digests) places_[it].insert({id, pack.append(frame, it, 4096), kFrameHeader});
    pack.finish(codec);
    packs_.push_back({id, pack.path(), pack.size()});
  }

  void remove_pack(size_t number) {
    const PackId id = packs_[number].id;
    packs_.erase(packs_.begin() + static_cast<ptrdiff_t>(number));
    for (auto it = places_.begin(); it != places_.end();) {
      std::erase_if(it->second, [&](const FramePlace& place) { return place.pack == id; });
      it = it->second.empty() ? places_.erase(it) : std::next(it);
    }
  }

  // The places of a digest that are there.
  std::set<FramePlace> places_of(const Digest& digest) const {
    const auto found = places_.find(digest);
    return found == places_.end() ? std::set<FramePlace>{} : found->second;
  }

  std::unique_ptr<DedupIndex> open(size_t memory = 1 << 20, const std::vector<BadPlace>& bad = {}) const {
    return std::make_unique<DedupIndex>(vault_, packs_, cache(), memory, bad);
  }

  std::string cache() const { return folder_ / "cache"; }
  const TempFolder& folder() const { return folder_; }
  const std::vector<PackFile>& packs() const { return packs_; }
  const Places& places() const { return places_; }
  const std::vector<Digest>& digests() const { return digests_; }
  Dice& dice() { return dice_; }

  // How many of all digests that were ever made the index finds, and whether any was found in a place where it is not.
  struct Tally {
    size_t found = 0, wrong = 0, missed = 0;
  };
  Tally ask(const DedupIndex& index) const {
    Tally out;
    for (const Digest& digest : digests_) {
      const auto known = places_.find(digest);
      const auto place = index.find(digest);
      if (!place) out.missed += known != places_.end();
      else if (known != places_.end() && known->second.contains(*place)) out.found++;
      else out.wrong++;
    }
    return out;
  }

 private:
  TempFolder folder_;
  Dice dice_;
  std::shared_ptr<const Vault> vault_;
  uint32_t made_ = 0;
  std::vector<PackFile> packs_;
  std::vector<Digest> digests_;
  Places places_;
};

}  // namespace strata::test
