// Synthesis: a chain of maps becomes one full map of its newest point, without reading any block's content.
//
// Both columns are merged in lock-step, written as a full backup writes them (zero blocks are not named), and the root is computed. The frames
// stay where they are, or go as they are into packs of the new point, each content once: those in parts of packs that the store joins lie where that
// puts them, the others are copied in disk order. What a run that broke off had stored already is found there by its digest.
#pragma once
#include "assembly.h"
#include "frame_copy.h"
#include "full_map.h"
#include "paired_chain.h"

namespace strata {

enum class SynthesisMode { reference, copy };

struct SynthesisOptions {
  std::shared_ptr<const Vault> vault;
  std::vector<Layer> chain;
  PackPlace packs;
  uint64_t size = 0;
  uint32_t block_size = 0;
  std::string spool;
  RunId run_id{};
  SynthesisMode mode = SynthesisMode::reference;
  uint64_t pack_size = 0;
  std::vector<PackFile> resume;
  std::vector<AssembledPack> assembly;
  Clone clone = Clone::automatic;
};

struct SynthesisProgress {
  uint64_t position, bytes_joined, bytes_cloned, bytes_copied;
};

struct SynthesisOutcome {
  bool cancelled = false;
  WrittenColumn location, digest;
  Digest root{};
  uint64_t bytes_referenced = 0, bytes_resumed = 0;
  std::vector<PackId> packs;
};

class Synthesis {
 public:
  Synthesis(SynthesisOptions options, PackStream::OnPack on_pack);
  ~Synthesis();

  // Blocks until all packs are answered for, however it ends.
  SynthesisOutcome run();
  void cancel();
  // Cancels, and waits for no answers any more: whoever would give them is gone.
  void abandon();
  // Answers to on_pack, from any thread.
  void pack_stored() { packs_.stored(); }
  void pack_failed() { packs_.failed(); }
  SynthesisProgress progress() const;

 private:
  class Copying;
  void merge(FullMap& map);
  void refer(PairedChain& chain, FullMap& map);
  void copy(PairedChain& chain, FullMap& map);
  void came_to(uint64_t block) { position_ = block * options_.block_size; }

  const SynthesisOptions options_;
  Control control_;
  PackStream packs_;
  FrameCodec codec_;
  FrameCopy frames_;
  Assembly assembly_;
  std::atomic<uint64_t> position_{0}, resumed_{0};
};

}  // namespace strata
