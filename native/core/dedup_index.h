// Which blocks the repository already has: digest → place of a frame, for the frames of any number of packs in bounded memory.
//
// Entries lie sorted in files and are found by one read each: every 64th digest's first 8 bytes are kept as a fence (one bit
// a block). New frames go to a table in memory, which becomes another sorted file when it is full. A Bloom filter in front of it all
// keeps most lookups of new content from reading at all; past its best size it only lets more reads through. So: 12 bits of filter and 1 bit of
// fence a block (both bounded), and 128 Ki new frames of about 80 bytes.
// The main file is a cache beside the repository: it names the packs it covers, each entry has a check sum, and it is made anew from the
// indexes in the packs when anything does not fit. A damaged entry is passed over: the block is stored again, which is always right.
// So are entries of packs that a collection has removed since; when they are many, the file is written anew without them. It keeps a digest
// once: when that one's pack is gone, the digest is not known any more, although another pack may have it.
#pragma once
#include <optional>
#include <set>
#include <unordered_map>

#include "pack.h"

namespace strata {

struct FramePlace {
  PackId pack;
  uint32_t offset, length;
};

class DedupIndex {
 public:
  // `memory` in bytes bounds the filter, which is made for `expected` frames beside those of the packs; the table of new frames and its files
  // are bounded by constants. `cache` is a path. What lies at a place of `bad` is never found.
  DedupIndex(std::shared_ptr<const Vault> vault, std::vector<PackFile> packs, std::string cache, size_t memory, const std::vector<BadPlace>& bad,
             uint64_t expected = 1 << 20);
  ~DedupIndex();

  std::optional<FramePlace> find(const Digest& digest) const;
  void add(const Digest& digest, const FramePlace& place);
  uint64_t entries() const { return entries_; }
  // Packs whose index could not be read.
  const std::vector<PackId>& skipped() const { return skipped_; }

 private:
  struct Entry;
  class SortedFile;
  struct Temporary;
  uint64_t load_cache(const std::vector<PackFile>& packs);
  void load_packs(FrameCodec& codec, const std::vector<PackFile>& packs);
  void save_cache();
  template <typename Each>
  void merge(Each&& each) const;
  void spill();
  void add_file(std::shared_ptr<const SortedFile> file);
  uint32_t number_of(const PackId& id);
  bool usable(const Entry& entry) const;
  void note(const Digest& digest);
  bool maybe(const Digest& digest) const;

  std::string cache_;
  const std::set<BadPlace> bad_;
  std::vector<PackId> packs_;
  // Of the first ones, which the cache names: whether the pack is there no more.
  std::vector<bool> gone_;
  std::map<PackId, uint32_t> numbers_;
  std::vector<PackId> skipped_;
  // Replaced, never changed, so that a look-up reads the files of the moment without holding the lock.
  using Files = std::vector<std::shared_ptr<const SortedFile>>;
  std::shared_ptr<const Files> files_ = std::make_shared<Files>();
  struct DigestHash {
    size_t operator()(const Digest& it) const {
      size_t out;  // digests are random already
      memcpy(&out, it.data() + 8, sizeof out);
      return out;
    }
  };
  struct Place {
    uint32_t pack, offset, length;
  };
  std::unordered_map<Digest, Place, DigestHash> fresh_;
  std::vector<uint64_t> filter_;
  uint64_t entries_ = 0;
  mutable std::mutex mutex_;
};

}  // namespace strata
