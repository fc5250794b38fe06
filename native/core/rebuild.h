// Repair of one column of a point's own map, from its other column and from what the packs hold.
//
// Locations go through the digest column. A place that the old location column names is kept unless its pack is missing or its frame bad; any
// other digest is looked up in an index over the packs, and what is found is read and must have that digest before it is named. What is nowhere
// keeps its old place, or gets one in kNoPack: to read it is an error then, never zeros.
//
// Digests go through the location column: each frame is read, its digest and quick check computed. Of a frame that cannot be read the digest is
// the one that its pack's index or its own header names; the root proves it. Its quick check is not known then and is written as zeros, which
// no block has: a backup takes the block for a changed one.
//
// The blocks of a page are worked on by several threads, the pages one after the other: memory is one page and a block for each thread.
#pragma once
#include "block_reader.h"
#include "control.h"
#include "dedup_index.h"
#include "source.h"

namespace strata {

struct RebuildOptions {
  std::shared_ptr<const Vault> vault;
  // The columns as they are; absent: lost.
  std::optional<ColumnRef> location, digest;
  PackPlace packs;
  uint32_t block_size = 0;
  uint64_t size = 0;
  // Of locations: knows the frames of all packs but for the bad ones.
  std::shared_ptr<DedupIndex> index;
  std::vector<PackId> missing_packs;
  std::vector<BadPlace> bad_places;
  // Where the new column goes.
  std::string path;
  unsigned threads = 0;
};

struct RebuildProgress {
  uint64_t position, bytes_read;
};

struct RebuildOutcome {
  bool cancelled = false;
  WrittenColumn column;
  // Blocks that have a place, or a digest, that was not known before.
  uint64_t mended = 0;
  // Ranges of the disk that this map names and that cannot be read.
  std::vector<Range> lost;
  // Frames that were found damaged on the way: with these as bad places there may be another copy.
  std::vector<BadPlace> bad;
  // Locations only: the digest column has a quick check that is not its block's.
  bool wrong_quick_check = false;
};

class Rebuild {
 public:
  enum class Column { location, digest };
  Rebuild(Column column, RebuildOptions options);
  ~Rebuild();
  // Throws MAP_MISSING, MAP_DAMAGED when the column that is to be gone through is not whole.
  RebuildOutcome run();
  void cancel() { control_.cancel(); }
  RebuildProgress progress() const { return {position_, read_}; }

 private:
  struct Item;
  void locations();
  void digests();
  template <typename Work>
  void each(std::vector<Item>& items, Work&& work);
  void find(BlockReader& reader, Item& item);
  void read(BlockReader& reader, Item& item);
  bool usable(const BlockPlace& place) const;
  Digest described(const BlockPlace& place);
  void note_bad(const BlockPlace& place, const Error& error);
  void tally(const std::vector<Item>& items);

  const Column column_;
  const RebuildOptions options_;
  const std::set<PackId> missing_;
  const std::set<BadPlace> bad_;
  Control control_;
  FrameCodec codec_;
  PackFolder packs_;
  std::vector<std::unique_ptr<BlockReader>> readers_;
  std::mutex mutex_;
  std::map<PackId, std::vector<PackedFrame>> described_;
  std::set<BadPlace> found_bad_;
  RebuildOutcome outcome_;
  std::atomic<bool> wrong_quick_check_{false};
  std::atomic<uint64_t> position_{0}, read_{0};
};

}  // namespace strata
