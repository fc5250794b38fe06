#include "backup.h"

#include <cstdlib>

namespace strata {
namespace {

constexpr uint64_t kPieceBytes = 1 << 20;
constexpr uint64_t kHoleBlocks = 1 << 16;

bool all_zero(View bytes) {
  // Equal to itself shifted by a few bytes, and those are zero: memcmp is as fast as the machine can compare.
  constexpr size_t kHead = 16;
  static constexpr uint8_t zeros[kHead] = {};
  return memcmp(bytes.data(), zeros, kHead) == 0 && memcmp(bytes.data(), bytes.data() + kHead, bytes.size() - kHead) == 0;
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
  uint64_t number = 0, first = 0, count = 0;
  bool hole = false, ready = false;
  size_t bytes = 0;  // of the disk; the last block may be short
  std::unique_ptr<uint8_t, FreeAligned> data;
  std::vector<Block> blocks;
  Bytes frames;
  std::vector<Range> unreadable;
  std::vector<Range> emptied;  // hole: runs of blocks that held data in the parent
};

Backup::Backup(BackupOptions options, PackStream::OnPack on_pack)
    : options_(std::move(options)),
      packs_({options_.spool, options_.run_id, options_.pack_size}, control_, std::move(on_pack)),
      threads_(thread_count(options_.threads)),
      piece_blocks_(static_cast<uint32_t>(std::max<uint64_t>(1, kPieceBytes / options_.block_size))),
      claim_codec_(options_.vault),
      missing_(options_.missing_packs.begin(), options_.missing_packs.end()),
      bad_(options_.bad_places.begin(), options_.bad_places.end()),
      commit_codec_(options_.vault) {}

Backup::~Backup() = default;

BackupOutcome Backup::run() {
  source_.emplace(options_.source, options_.fd, options_.kind, options_.size, control_);
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
          if (!piece->hole) work(codec, *piece);
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

// Decides what the piece is: a hole, or blocks to read; a stream is read right here, in order.
void Backup::plan(Piece& piece) {
  const uint64_t size = options_.block_size;
  piece.hole = false;
  if (options_.kind == SourceKind::stream) {
    keep_rate(piece_blocks_ * size);
    piece.bytes = source_->read_stream(piece.data.get(), piece_blocks_ * size);
    piece.count = control_.stopping() ? 0 : (piece.bytes + size - 1) / size;
    stream_size_ += piece.bytes;
    if (piece.bytes < piece_blocks_ * size) blocks_ = piece.first + piece.count;
    return;
  }
  uint64_t end = piece.first;
  while (end < blocks_ && end - piece.first < piece_blocks_) {
    const Range data = source_->next_data(end * size);
    const uint64_t start = data.length == 0 ? blocks_ : data.offset / size;
    if (start > end) {
      if (end > piece.first) break;
      piece.hole = true;
      piece.count = std::min(start - end, kHoleBlocks);
      piece.bytes = 0;
      return;
    }
    end = std::min({(data.offset + data.length + size - 1) / size, blocks_, piece.first + piece_blocks_});
  }
  piece.count = end - piece.first;
  piece.bytes = std::min(end * size, options_.size) - piece.first * size;
  keep_rate(piece.bytes);
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

void Backup::compare_with_parent(Piece& piece) {
  if (piece.hole) {
    parent_->take(piece.first, piece.count, [&](uint64_t block, const BlockDigest&, size_t) {
      auto& runs = piece.emptied;
      if (!runs.empty() && runs.back().offset + runs.back().length == block)
        runs.back().length++;
      else
        runs.push_back({block, 1});
    });
    return;
  }
  piece.blocks.resize(piece.count);
  for (Block& it : piece.blocks) it.parent.reset();
  parent_->take(piece.first, piece.count, [&](uint64_t block, const BlockDigest& digest, size_t) { piece.blocks[block - piece.first].parent = digest; });
  // What lies in a lost pack or a damaged frame counts as zero in the parent, so that whatever stands there now is stored again.
  if (parent_places_)
    parent_places_->take(piece.first, piece.count, [&](uint64_t block, const Location& place, size_t layer) {
      const PackId& pack = parent_places_->column(layer).packs()[place.pack];
      const bool bad = bad_.contains({pack, place.offset});
      bad_blocks_ += bad;
      if (bad || missing_.contains(pack)) piece.blocks[block - piece.first].parent = BlockDigest{};
    });
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
  for (const Range& it : piece.unreadable) {
    auto& all = outcome_.unreadable;
    if (!all.empty() && all.back().offset + all.back().length == it.offset)
      all.back().length += it.length;
    else
      all.push_back(it);
  }
  if (piece.hole)
    commit_hole(piece);
  else
    for (size_t i = 0; i < piece.count; i++) commit_block(piece.first + i, piece.blocks[i], piece);
  position_ = (piece.first + piece.count) * options_.block_size;
}

void Backup::commit_hole(const Piece& piece) {
  merkle_.zeros(piece.count);
  if (options_.parent.empty()) outcome_.zero_blocks += piece.count;
  for (const Range& it : piece.emptied) {
    location_->zero(it.offset, it.length);
    digest_->zero(it.offset, it.length);
    outcome_.changed_blocks += it.length;
    outcome_.zero_blocks += it.length;
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
