// Packs that the store makes of parts of other packs: where the frames in those parts lie afterwards, and the indexes that such packs end with.
//
// A part is a range of an old pack, as it is: what of it nobody needs comes along, unnamed. The caller has the parts of a pack joined, in order, with the
// end that is written here behind them.
#pragma once
#include "dedup_index.h"
#include "pack_stream.h"

namespace strata {

struct PackPart {
  PackId pack;
  uint32_t offset, length;
};

struct AssembledPack {
  std::vector<PackPart> parts;
  size_t frames;  // that are expected to be named in it
};

class Assembly {
 public:
  // The packs have the numbers from 0 on of the run. Throws NATIVE_ARGUMENT when one could not be a pack.
  Assembly(const std::vector<AssembledPack>& packs, std::string spool, const RunId& run);

  // Where a frame of an old pack will lie, and its name in the index there; nothing when it is in no part.
  std::optional<FramePlace> name(const PackId& pack, const PackedFrame& frame);

  // The ends of the packs that have all their frames; with `all`, of all that have any. Each is given once. Throws SPOOL_WRITE.
  std::vector<FinishedPack> finished(FrameCodec& codec, bool all);

  // Of the frames named; from any thread.
  uint64_t bytes() const { return bytes_; }

 private:
  struct Source {
    PackId pack;
    uint32_t offset, length;
    size_t target;
    uint32_t place;
  };
  struct Target {
    PackId id;
    uint64_t length;
    size_t expected;
    std::vector<PackedFrame> frames;
    bool given = false;
  };
  FinishedPack write_end(FrameCodec& codec, size_t target);

  const std::string spool_;
  std::vector<Source> sources_;  // by pack and offset
  std::vector<Target> targets_;
  std::vector<size_t> ready_;
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace strata
