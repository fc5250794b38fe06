// Relocation: what live points still need of sparse packs is copied into new ones, and columns are written anew with the new places.
//
// Which frames are needed is what the merged chains of the live points show; each is copied once, in the order of pack and offset, so that what was
// together stays together. In a column, places in sparse packs that no live point shows stay what they were: nobody reads them.
#pragma once
#include "frame_copy.h"
#include "pack_numbers.h"
#include "visible_frames.h"

namespace strata {

struct RelocationOptions {
  std::shared_ptr<const Vault> vault;
  PackPlace packs;
  uint64_t pack_size = 0;
  std::string spool;
  RunId run_id{};
  Clone clone = Clone::automatic;
  std::vector<std::vector<Layer>> live;  // a chain for each live point
  std::vector<ColumnRef> columns;        // location columns
  std::vector<PackId> sparse;
};

// Bytes of frames; `total` is known when the chains were merged.
struct RelocationProgress {
  uint64_t total, bytes_cloned, bytes_copied;
};

struct RelocationOutcome {
  bool cancelled = false;
  std::vector<WrittenColumn> columns;  // as in the options
  std::vector<PackId> packs;           // made
};

class Relocation {
 public:
  Relocation(RelocationOptions options, PackStream::OnPack on_pack);

  // Blocks until all packs are answered for, however it ends.
  RelocationOutcome run();
  void cancel();
  // Cancels, and waits for no answers any more: whoever would give them is gone.
  void abandon();
  // Answers to on_pack, from any thread.
  void pack_stored() { packs_.stored(); }
  void pack_failed() { packs_.failed(); }
  RelocationProgress progress() const;

 private:
  // A frame in a sparse pack, by that pack's number among them, and where it went.
  struct Moved {
    uint32_t pack, offset, length;
    uint64_t check;
    FramePlace place{};
  };
  void collect(const std::vector<Layer>& chain);
  void join();
  void copy();
  WrittenColumn rewrite(const ColumnRef& from, const std::string& path);
  const FramePlace* place_of(uint32_t pack, const Location& old) const;
  uint32_t sparse_number(const PackId& id) const;
  bool names_sparse(const Layer& layer);

  const RelocationOptions options_;
  std::vector<PackId> sparse_;  // sorted
  Control control_;
  PackStream packs_;
  FrameCodec codec_;
  FrameCopy frames_;
  std::vector<Moved> moved_;  // in the order of pack and offset, once they are joined
  size_t join_at_ = 1 << 20;
  RelocationOutcome outcome_;
  std::atomic<uint64_t> total_{0};
};

}  // namespace strata
