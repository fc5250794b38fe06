#include "backup.h"

#include <cstdlib>

#include "nbd_source.h"

namespace strata {
namespace {

constexpr uint64_t kPieceBytes = 1 << 20;
constexpr uint64_t kZeroBlocks = 1 << 16;
constexpr uint64_t kAheadBlocks = 1 << 12;

bool all_zero(View bytes) {
  // Equal to itself shifted by a few bytes, and those are zero: memcmp is as fast as the machine can compare.
  constexpr size_t kHead = 16;
  static constexpr uint8_t zeros[kHead] = {};
  return memcmp(bytes.data(), zeros, kHead) == 0 && memcmp(bytes.data(), bytes.data() + kHead, bytes.size() - kHead) == 0;
}

unsigned threads_for(const BackupOptions& options) {
  const unsigned threads = thread_count(options.threads);
  return options.kind == SourceKind::nbd && options.threads == 0 ? std::max(threads, NbdSource::kThreads) : threads;
}

struct FreeAligned {
  void operator()(uint8_t* it) const { free(it); }
};

}  // namespace

struct Backup::Block {
  enum class Verdict { zero, same, known, fresh };
  Verdict verdict;
  Digest digest;
  QuickCheck quick;
  std::optional<BlockDigest> parent;
  FramePlace place;                       // known
  size_t frame_at = 0, frame_length = 0;  // fresh: in the piece's frames
};

struct Backup::Piece {
  struct Audited {
    uint64_t block;
    bool data;  // in the parent
  };
  uint64_t number = 0, first = 0, count = 0;
  Fate fate = Fate::read;
  bool hole = false;  // zero because nothing lies there
  bool ready = false;
  size_t bytes = 0;  // of the disk; the last block may be short
  std::unique_ptr<uint8_t, FreeAligned> data;
  std::vector<Block> blocks;
  Bytes frames;
  std::vector<Range> unreadable;
  std::vector<Range> emptied;  // zero: runs of blocks that held data in the parent
  std::vector<Digest> kept;    // keep: the parent's; all zero where the block is
  std::vector<Audited> audited;
};

Backup::Backup(BackupOptions options, PackStream::OnPack on_pack)
    : options_(std::move(options)),
      packs_({options_.spool, options_.run_id, options_.pack_size}, control_, std::move(on_pack)),
      threads_(threads_for(options_)),
      piece_blocks_(static_cast<uint32_t>(std::max<uint64_t>(1, kPieceBytes / options_.block_size))),
      claim_codec_(options_.vault),
      missing_(options_.missing_packs.begin(), options_.missing_packs.end()),
      bad_(options_.bad_places.begin(), options_.bad_places.end()),
      unallocated_(options_.unallocated, options_.size, options_.block_size),
      unchanged_(options_.parent.empty() ? std::vector<Range>{} : options_.unchanged, options_.size, options_.block_size),
      commit_codec_(options_.vault) {}

Backup::~Backup() = default;

BackupOutcome Backup::run() {
  source_ = open_source({options_.source, options_.fd, options_.kind, options_.size, options_.nbd}, control_);
  blocks_ = options_.kind == SourceKind::stream ? UINT64_MAX : (options_.size + options_.block_size - 1) / options_.block_size;
  parent_.emplace(options_.parent, claim_codec_);
  if (!missing_.empty() || !bad_.empty()) parent_places_.emplace(options_.parent, claim_codec_);
  for (unsigned i = 0; i < threads_ * 2 + 2; i++) {
    pieces_.push_back(std::make_unique<Piece>());
    pieces_.back()->data.reset(static_cast<uint8_t*>(aligned_alloc(Source::kAlignment, uint64_t{piece_blocks_} * options_.block_size)));
    if (!pieces_.back()->data) throw std::bad_alloc();
  }
  const std::string base = options_.spool + "/" + hex(options_.run_id);
  location_.emplace(base + ".loc", commit_codec_);
  digest_.emplace(base + ".dig", commit_codec_);

  packs_.run([this] { read_all(); });
  if (!unallocated_.empty() || !unchanged_.empty()) source_->require_size();
  outcome_.cancelled = control_.cancelled();
  outcome_.size = options_.kind == SourceKind::stream ? stream_size_ : options_.size;
  outcome_.bytes_read = bytes_read_;
  outcome_.bytes_new = bytes_new_;
  outcome_.bytes_stored = packs_.bytes();
  outcome_.bad_blocks = bad_blocks_;
  outcome_.direct = source_->direct();
  outcome_.threads = threads_;
  if (outcome_.cancelled) return std::move(outcome_);
  outcome_.location = location_->finish(numbers_.ids());
  outcome_.digest = digest_->finish({});
  outcome_.root = merkle_.root(outcome_.size, options_.block_size);
  return std::move(outcome_);
}

void Backup::read_all() {
  control_.parallel(
      threads_,
      [this] {
        FrameCodec codec(options_.vault);
        Piece* piece;
        while (claim(piece)) {
          if (piece->fate == Fate::read) work(codec, *piece);
          submit(*piece);
        }
      },
      [this] { wake(); });
  // A cancelled run keeps its last pack too: the next run finds the frames there.
  packs_.give_out(commit_codec_);
}

void Backup::cancel() {
  control_.cancel();
  wake();
}

void Backup::abandon() {
  cancel();
  packs_.abandon();
}

void Backup::wake() {
  packs_.wake();
  const std::lock_guard lock(order_mutex_);
  order_changed_.notify_all();
}

BackupProgress Backup::progress() const { return {position_, bytes_read_, bytes_new_, packs_.bytes()}; }

bool Backup::claim(Piece*& out) {
  const std::lock_guard lock(claim_mutex_);
  if (exhausted_ || control_.stopping()) return false;
  {
    std::unique_lock order(order_mutex_);
    order_changed_.wait(order, [this] { return claimed_ - committed_ < pieces_.size() || control_.stopping(); });
  }
  if (control_.stopping() || next_block_ >= blocks_) {
    exhausted_ = true;
    return false;
  }
  Piece& piece = *pieces_[claimed_ % pieces_.size()];
  piece.number = claimed_;
  piece.first = next_block_;
  piece.unreadable.clear();
  piece.emptied.clear();
  piece.kept.clear();
  piece.audited.clear();
  piece.frames.clear();
  plan(piece);
  if (piece.count == 0) {
    exhausted_ = true;
    return false;
  }
  compare_with_parent(piece);
  next_block_ += piece.count;
  claimed_++;
  out = &piece;
  return true;
}

// What becomes of a block, and up to which one that is the same.
std::pair<Backup::Fate, uint64_t> Backup::fate_of(uint64_t block) {
  if (ahead_at_ == ahead_.size()) {
    const auto unallocated = unallocated_.at(block), unchanged = unchanged_.at(block);
    if (unallocated.inside) return {Fate::zero, unallocated.end};
    const uint64_t end = std::min({unallocated.end, unchanged.end, blocks_});
    if (!unchanged.inside) return {Fate::read, end};
    look_ahead(block, std::min(end - block, kAheadBlocks));
  }
  const bool read = ahead_[ahead_at_].read;
  size_t end = ahead_at_;
  while (end < ahead_.size() && ahead_[end].read == read) end++;
  return {read ? Fate::read : Fate::keep, block + (end - ahead_at_)};
}

// Asks the parent for a run of unchanged blocks, and decides which of them are read all the same.
void Backup::look_ahead(uint64_t first, uint64_t count) {
  ahead_.assign(count, {});
  ahead_at_ = 0;
  parent_->take(first, count, [&](uint64_t block, const BlockDigest& digest, size_t) { ahead_[block - first] = {digest, true}; });
  for (Ahead& it : ahead_) it.read = !it.data && options_.zeros_unread;
  if (parent_places_)
    parent_places_->take(first, count, [&](uint64_t block, const Location& place, size_t layer) {
      if (lost(parent_places_->column(layer).packs()[place.pack], place.offset)) ahead_[block - first] = {{}, true, true};
    });
  for (size_t i = 0; i < count; i++) {
    Ahead& it = ahead_[i];
    if (!it.read && options_.audit.takes(first + i)) it.read = it.audited = true;
  }
}

// Decides what becomes of the piece; a stream is read right here, in order.
void Backup::plan(Piece& piece) {
  const uint64_t size = options_.block_size;
  piece.fate = Fate::read;
  piece.hole = false;
  if (options_.kind == SourceKind::stream) {
    keep_rate(piece_blocks_ * size);
    piece.bytes = source_->read_stream(piece.data.get(), piece_blocks_ * size);
    piece.count = control_.stopping() ? 0 : (piece.bytes + size - 1) / size;
    stream_size_ += piece.bytes;
    if (piece.bytes < piece_blocks_ * size) blocks_ = piece.first + piece.count;
    return;
  }
  const auto [fate, end] = fate_of(piece.first);
  if (fate == Fate::read) return plan_reading(piece, std::min(end, blocks_));
  piece.fate = fate;
  piece.count = std::min(end - piece.first, kZeroBlocks);
  piece.bytes = 0;
}

// Blocks to read, or a hole, up to `limit`.
void Backup::plan_reading(Piece& piece, uint64_t limit) {
  const uint64_t size = options_.block_size;
  uint64_t end = piece.first;
  while (end < limit && end - piece.first < piece_blocks_) {
    const Range data = source_->next_data(end * size);
    const uint64_t start = data.length == 0 ? limit : std::min(data.offset / size, limit);
    if (start > end) {
      if (end > piece.first) break;
      piece.fate = Fate::zero;
      piece.hole = true;
      piece.count = std::min(start - end, kZeroBlocks);
      piece.bytes = 0;
      return;
    }
    end = std::min({(data.offset + data.length + size - 1) / size, limit, piece.first + piece_blocks_});
  }
  piece.count = end - piece.first;
  piece.bytes = bytes_of(piece);
  keep_rate(piece.bytes);
}

uint64_t Backup::bytes_of(const Piece& piece) const {
  const uint64_t size = options_.block_size;
  return std::min((piece.first + piece.count) * size, options_.size) - piece.first * size;
}

void Backup::keep_rate(uint64_t bytes) {
  if (options_.rate_limit == 0) return;
  using namespace std::chrono;
  const auto now = steady_clock::now();
  allowed_at_ = std::max(allowed_at_, now) + nanoseconds(bytes * 1'000'000'000 / options_.rate_limit);
  // Pays for the piece after it was granted: a single piece larger than a second's worth just waits longer.
  std::unique_lock lock(order_mutex_);
  order_changed_.wait_until(lock, allowed_at_ - nanoseconds(bytes * 1'000'000'000 / options_.rate_limit), [this] { return control_.stopping(); });
}

// Calls data(block, digest) for the blocks of the piece that the parent has data for. What lies in a lost pack or a damaged frame has an
// empty digest, so that whatever stands there now is stored again.
template <typename Each>
void Backup::take_parent(const Piece& piece, Each&& data) {
  if (ahead_at_ < ahead_.size()) {
    for (uint64_t i = 0; i < piece.count; i++) {
      const Ahead& it = ahead_[ahead_at_ + i];
      if (it.data) data(piece.first + i, it.parent);
    }
    return;
  }
  parent_->take(piece.first, piece.count, [&](uint64_t block, const BlockDigest& digest, size_t) { data(block, digest); });
  if (parent_places_ && piece.fate == Fate::read)
    parent_places_->take(piece.first, piece.count, [&](uint64_t block, const Location& place, size_t layer) {
      if (lost(parent_places_->column(layer).packs()[place.pack], place.offset)) data(block, BlockDigest{});
    });
}

void Backup::compare_with_parent(Piece& piece) {
  switch (piece.fate) {
    case Fate::zero:
      take_parent(piece, [&](uint64_t block, const BlockDigest&) { add_range(piece.emptied, {block, 1}); });
      break;
    case Fate::keep:
      piece.kept.resize(piece.count);
      take_parent(piece, [&](uint64_t block, const BlockDigest& digest) { piece.kept[block - piece.first] = digest.digest; });
      break;
    case Fate::read:
      piece.blocks.resize(piece.count);
      for (Block& it : piece.blocks) it.parent.reset();
      take_parent(piece, [&](uint64_t block, const BlockDigest& digest) { piece.blocks[block - piece.first].parent = digest; });
      break;
  }
  if (ahead_at_ == ahead_.size()) return;
  for (uint64_t i = 0; i < piece.count; i++, ahead_at_++)
    if (ahead_[ahead_at_].audited) piece.audited.push_back({piece.first + i, ahead_[ahead_at_].data});
}

bool Backup::lost(const PackId& pack, uint32_t offset) {
  const bool bad = bad_.contains({pack, offset});
  bad_blocks_ += bad;
  return bad || missing_.contains(pack);
}

void Backup::work(FrameCodec& codec, Piece& piece) {
  using Verdict = Block::Verdict;
  const size_t size = options_.block_size;
  if (options_.kind != SourceKind::stream) source_->read(piece.first * size, piece.bytes, piece.data.get(), piece.unreadable);
  memset(piece.data.get() + piece.bytes, 0, piece.count * size - piece.bytes);
  bytes_read_ += piece.bytes;
  for (size_t i = 0; i < piece.count; i++) {
    if (control_.stopping()) return;
    Block& block = piece.blocks[i];
    const View raw(piece.data.get() + i * size, size);
    if (all_zero(raw)) {
      block.verdict = Verdict::zero;
      continue;
    }
    block.quick = codec.quick_check(raw);
    if (block.parent && block.parent->quick == block.quick) {
      block.digest = block.parent->digest;
      block.verdict = Verdict::same;
      continue;
    }
    block.digest = codec.digest(FrameType::block, raw);
    if (const auto place = options_.dedup ? options_.dedup->find(block.digest) : std::nullopt) {
      block.verdict = Verdict::known;
      block.place = *place;
      continue;
    }
    block.verdict = Verdict::fresh;
    block.frame_at = piece.frames.size();
    block.frame_length = codec.seal(FrameType::block, {}, raw, block.digest, options_.level, piece.frames);
  }
}

void Backup::submit(Piece& piece) {
  std::unique_lock lock(order_mutex_);
  piece.ready = true;
  if (committing_) return;  // the worker that commits now will come to this piece
  committing_ = true;
  while (true) {
    Piece& next = *pieces_[committed_ % pieces_.size()];
    if (!next.ready || next.number != committed_ || control_.stopping()) break;
    lock.unlock();
    commit(next);
    lock.lock();
    next.ready = false;
    committed_++;
    order_changed_.notify_all();
  }
  committing_ = false;
}

void Backup::commit(Piece& piece) {
  for (const Range& it : piece.unreadable) add_range(outcome_.unreadable, it);
  switch (piece.fate) {
    case Fate::zero: commit_zeros(piece); break;
    case Fate::keep: commit_kept(piece); break;
    case Fate::read:
      for (size_t i = 0; i < piece.count; i++) commit_block(piece.first + i, piece.blocks[i], piece);
  }
  commit_audit(piece);
  position_ = (piece.first + piece.count) * options_.block_size;
}

void Backup::commit_zeros(const Piece& piece) {
  if (!piece.hole) outcome_.unallocated += bytes_of(piece);
  merkle_.zeros(piece.count);
  if (options_.parent.empty()) outcome_.zero_blocks += piece.count;
  for (const Range& it : piece.emptied) {
    location_->zero(it.offset, it.length);
    digest_->zero(it.offset, it.length);
    outcome_.changed_blocks += it.length;
    outcome_.zero_blocks += it.length;
  }
}

void Backup::commit_kept(const Piece& piece) {
  outcome_.unchanged += bytes_of(piece);
  for (const Digest& it : piece.kept) {
    if (it == Digest{})
      merkle_.zeros(1);
    else
      merkle_.data(it);
  }
}

void Backup::commit_audit(const Piece& piece) {
  using Verdict = Block::Verdict;
  outcome_.audited_blocks += piece.audited.size();
  for (const Piece::Audited& it : piece.audited) {
    const Verdict found = piece.fate == Fate::zero ? Verdict::zero : piece.blocks[it.block - piece.first].verdict;
    if (found == (it.data ? Verdict::same : Verdict::zero)) continue;
    const uint64_t at = it.block * options_.block_size;
    add_range(outcome_.changed_unseen, {at, std::min<uint64_t>(options_.block_size, options_.size - at)});
  }
}

void Backup::commit_block(uint64_t number, const Block& block, const Piece& piece) {
  using Verdict = Block::Verdict;
  if (block.verdict == Verdict::zero) {
    merkle_.zeros(1);
    if (options_.parent.empty() || block.parent) outcome_.zero_blocks++;
    if (!block.parent) return;
    location_->zero(number, 1);
    digest_->zero(number, 1);
    outcome_.changed_blocks++;
    return;
  }
  merkle_.data(block.digest);
  if (block.verdict == Verdict::same) return;
  outcome_.changed_blocks++;
  std::optional<FramePlace> known;
  if (block.verdict == Verdict::known)
    known = block.place;
  else if (options_.dedup)
    known = options_.dedup->find(block.digest);  // stored by an earlier piece meanwhile
  if (known) outcome_.deduplicated_blocks++;
  const FramePlace place = known ? *known : store(block, piece);
  location_->data(number, {numbers_.number(place.pack), place.offset, place.length, check_of(block.digest)});
  digest_->data(number, {block.digest, block.quick});
}

FramePlace Backup::store(const Block& block, const Piece& piece) {
  PackWriter& pack = packs_.current();
  const View frame(piece.frames.data() + block.frame_at, block.frame_length);
  const FramePlace place{pack.id(), pack.append(frame, block.digest, options_.block_size), static_cast<uint32_t>(frame.size())};
  if (options_.dedup) options_.dedup->add(block.digest, place);
  bytes_new_ += options_.block_size;
  packs_.appended(commit_codec_);
  return place;
}

void Backup::pack_stored() { packs_.stored(); }

void Backup::pack_failed() {
  packs_.failed();
  wake();
}

}  // namespace strata
