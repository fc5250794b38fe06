// What a copy of a point has to move: every frame that the point shows, each once, by pack and offset.
//
// A store that joins parts of packs does not look into them, so each frame must be known to lie where the map says: its pack's own index has to name it
// there. Frames of which that cannot be said are left out; who copies them reads their headers.
#pragma once
#include "control.h"
#include "pack.h"
#include "visible_frames.h"

namespace strata {

struct SurveyOptions {
  std::shared_ptr<const Vault> vault;
  std::vector<Layer> chain;
  std::vector<PackFile> sources;  // the packs that the chain refers to
  std::vector<PackFile> resume;   // that hold frames of the copy already
};

struct SurveyedFrame {
  uint32_t pack, offset, length;  // the pack by its number among the sources
  uint64_t check, order;          // how many data blocks of the disk stand before it
};

// In the order of packs and offsets. Throws MAP_MISSING, MAP_DAMAGED; CANCELLED when `control` stops.
std::vector<SurveyedFrame> survey_copy(const SurveyOptions& options, const Control& control);

}  // namespace strata
