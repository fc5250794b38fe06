#include "synthesis.h"

namespace strata {
namespace {
// Blocks whose frames are copied together.
constexpr size_t kBatch = 1024;
constexpr size_t kFilterMemory = 96 << 20;
}  // namespace

// The copying of frames: blocks are gathered, so that frames that follow one another are seen, and named once their places are known.
class Synthesis::Copying {
 public:
  Copying(Synthesis& run, FullMap& map, uint64_t most_blocks)
      : run_(run), map_(map), known_(run.options_.vault, {}, run.options_.spool + "/" + hex(run.options_.run_id) + ".places", kFilterMemory, {}, most_blocks) {
    for (const PackFile& pack : run.options_.resume) resume(pack);
  }

  // False when told to stop.
  bool add(uint64_t number, const FrameRef& frame, const BlockDigest& digest) {
    std::optional<FramePlace> place = known_.find(digest.digest);
    auto pending = pending_.find(digest.digest);
    if (!place && pending == pending_.end()) {
      place = run_.assembly_.name(frame.pack, {digest.digest, frame.offset, frame.length, run_.options_.block_size});
      if (place) {
        known_.add(digest.digest, *place);
      } else {
        pending = pending_.emplace(digest.digest, wanted_.size()).first;
        wanted_.push_back(frame);
        digests_.push_back(digest.digest);
      }
    }
    blocks_.push_back({number, digest, place, place ? 0 : pending->second});
    return blocks_.size() < kBatch || flush();
  }

  // Copies what is gathered. False when told to stop.
  bool flush() {
    std::vector<FramePlace> places;
    if (!run_.frames_.copy(wanted_, places)) return false;
    for (size_t i = 0; i < wanted_.size(); i++) known_.add(digests_[i], places[i]);
    for (const Block& it : blocks_) {
      const FramePlace& place = it.place ? *it.place : places[it.wanted];
      map_.data(it.number, {map_.packs().number(place.pack), place.offset, place.length, check_of(it.digest.digest)}, it.digest);
      run_.came_to(it.number + 1);
    }
    blocks_.clear();
    wanted_.clear();
    digests_.clear();
    pending_.clear();
    return give_out(false);
  }

  // The ends of joined packs that are whole; with `all`, of the others too. False when told to stop.
  bool give_out(bool all) {
    for (const FinishedPack& pack : run_.assembly_.finished(run_.codec_, all)) {
      if (run_.control_.stopping()) return false;
      run_.packs_.give_out(pack);
    }
    return true;
  }

 private:
  // A pack that cannot be read is as one that was never stored.
  void resume(const PackFile& pack) {
    const auto frames = readable_index(run_.codec_, pack);
    if (!frames) return;
    for (const PackedFrame& it : *frames) {
      known_.add(it.digest, {pack.id, it.offset, it.length});
      run_.resumed_ += it.length;
    }
  }

  struct Block {
    uint64_t number;
    BlockDigest digest;
    std::optional<FramePlace> place;
    size_t wanted;  // without a place: which of the frames to copy
  };
  Synthesis& run_;
  FullMap& map_;
  DedupIndex known_;  // where contents were copied to
  std::vector<Block> blocks_;
  std::vector<FrameRef> wanted_;
  std::vector<Digest> digests_;  // of those
  std::map<Digest, size_t> pending_;
};

Synthesis::Synthesis(SynthesisOptions options, PackStream::OnPack on_pack)
    : options_(std::move(options)),
      packs_({options_.spool, options_.run_id, options_.pack_size, static_cast<uint32_t>(options_.assembly.size())}, control_, std::move(on_pack)),
      codec_(options_.vault),
      frames_(options_.vault, options_.packs, packs_, options_.clone, control_),
      assembly_(options_.assembly, options_.spool, options_.run_id) {
  const uint64_t blocks = options_.chain.empty() ? 0 : options_.chain.front().blocks;
  if (options_.chain.empty() || (options_.size + options_.block_size - 1) / options_.block_size != blocks)
    throw Error("NATIVE_ARGUMENT", "the size must be that of the chain's newest point");
  if (options_.mode == SynthesisMode::reference && !(options_.resume.empty() && options_.assembly.empty()))
    throw Error("NATIVE_ARGUMENT", "a run that copies nothing resumes nothing, and has nothing joined");
}

Synthesis::~Synthesis() = default;

void Synthesis::cancel() {
  control_.cancel();
  packs_.wake();
}

void Synthesis::abandon() {
  cancel();
  packs_.abandon();
}

SynthesisProgress Synthesis::progress() const { return {position_, assembly_.bytes(), frames_.bytes_cloned(), frames_.bytes_copied()}; }

SynthesisOutcome Synthesis::run() {
  SynthesisOutcome out;
  FullMap map(options_.vault, options_.spool + "/" + hex(options_.run_id));
  packs_.run([&] { merge(map); });
  out.cancelled = control_.cancelled();
  out.bytes_referenced = map.bytes();
  out.bytes_resumed = resumed_;
  out.packs = map.packs().ids();
  if (out.cancelled) return out;
  const FullMap::Written written = map.finish(options_.size, options_.block_size);
  out.location = written.location;
  out.digest = written.digest;
  out.root = written.root;
  position_ = options_.size;
  return out;
}

void Synthesis::merge(FullMap& map) {
  PairedChain chain(options_.chain, codec_);
  if (options_.mode == SynthesisMode::reference) return refer(chain, map);
  copy(chain, map);
  // A cancelled run keeps its last pack too, and the next run resumes with it.
  control_.rethrow();
  packs_.give_out(codec_);
}

// The places stay; only the packs have other numbers.
void Synthesis::refer(PairedChain& chain, FullMap& map) {
  std::vector<RenumberedPacks> packs;
  for (size_t layer = 0; layer < options_.chain.size(); layer++) packs.emplace_back(map.packs(), chain.column(layer).packs());
  for (PairedChain::Run run; !control_.stopping() && chain.next(run); came_to(run.end()))
    for (uint64_t i = 0; i < run.count; i++) {
      Location place = run.places[i];
      place.pack = packs[run.layer][place.pack];
      map.data(run.start + i, place, run.digests[i]);
    }
}

void Synthesis::copy(PairedChain& chain, FullMap& map) {
  Copying copying(*this, map, chain.most_blocks());
  for (PairedChain::Run run; !control_.stopping() && chain.next(run);) {
    const std::vector<PackId>& packs = chain.column(run.layer).packs();
    for (uint64_t i = 0; i < run.count; i++) {
      const Location& it = run.places[i];
      if (!copying.add(run.start + i, {packs[it.pack], it.offset, it.length, it.check}, run.digests[i])) return;
    }
  }
  if (!control_.stopping() && copying.flush()) copying.give_out(true);
}

}  // namespace strata
