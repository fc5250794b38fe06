// Both columns of a chain read in lock-step: for each data block its place and its digest, which must belong together.
#pragma once
#include "chain.h"

namespace strata {

class PairedChain {
 public:
  // A run of data blocks, with one place and one digest a block; valid until the next call. `layer` tells whose packs the places name.
  struct Run {
    uint64_t start = 0, count = 0;
    const Location* places = nullptr;
    const BlockDigest* digests = nullptr;
    size_t layer = 0;
    uint64_t end() const { return start + count; }
  };

  // Layers newest first; they must outlive this.
  PairedChain(const std::vector<Layer>& layers, FrameCodec& codec) : layers_(layers), places_{{layers, codec}, {}}, digests_{{layers, codec}, {}} {}

  const Column<Location>& column(size_t layer) const { return places_.reader.column(layer); }

  // The most data blocks that there can be.
  uint64_t most_blocks() const {
    uint64_t named = 0;
    for (size_t layer = 0; layer < layers_.size(); layer++) named += column(layer).data_blocks();
    return layers_.empty() ? 0 : std::min(named, layers_.front().blocks);
  }

  // The next run in ascending order, or false at the end. All other blocks are zero. Throws MAP_DAMAGED when the columns differ.
  bool next(Run& out) {
    const bool place = places_.advance(), digest = digests_.advance();
    if (!place && !digest) return false;
    if (place != digest || places_.start() != digests_.start()) differ(place ? places_.piece.layer : digests_.piece.layer, place ? places_.start() : digests_.start());
    out.start = places_.start();
    out.count = std::min(places_.left(), digests_.left());
    out.places = places_.take(out.count);
    out.digests = digests_.take(out.count);
    out.layer = places_.piece.layer;
    for (uint64_t i = 0; i < out.count; i++)
      if (out.places[i].check != check_of(out.digests[i].digest)) differ(out.layer, out.start + i);
    return true;
  }

 private:
  template <typename Entry>
  struct Side {
    ChainReader<Entry> reader;
    typename ChainReader<Entry>::Piece piece;
    uint64_t used = 0;

    // To the next data block.
    bool advance() {
      while (used == piece.count || piece.kind == Kind::zero) {
        if (!reader.next(piece)) return false;
        used = 0;
      }
      return true;
    }
    uint64_t start() const { return piece.start + used; }
    uint64_t left() const { return piece.count - used; }
    const Entry* take(uint64_t count) { return piece.entries + std::exchange(used, used + count); }
  };

  [[noreturn]] void differ(size_t layer, uint64_t block) const {
    const std::string& path = layers_[layer].location.path;
    throw Error("MAP_DAMAGED", "block map " + path + " is damaged: its two columns differ at block " + std::to_string(block), 0, path);
  }

  const std::vector<Layer>& layers_;
  Side<Location> places_;
  Side<BlockDigest> digests_;
};

}  // namespace strata
