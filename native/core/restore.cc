#include "restore.h"

#include <linux/falloc.h>

#include <cerrno>

#include "failpoint.h"

namespace strata {
namespace {
constexpr uint64_t kTaskBytes = 2 << 20;
// Zero ranges go out in steps of this size, so that progress shows and cancelling works on huge ones.
constexpr uint64_t kZeroBytes = 1 << 30;
constexpr uint64_t kZeroBuffer = 1 << 20;
constexpr uint64_t kPushEvery = 32 << 20;
// A delta clears zero ranges in steps of this size: what is zero already within the rest is left alone.
constexpr uint64_t kZeroLook = 64 << 10;
}  // namespace

struct Restore::Task {
  uint64_t first = 0, end = 0;  // blocks
  bool zeros = false;
  std::vector<BlockPlace> places;
  std::vector<QuickCheck> checks;  // delta: one a place
};

Restore::Restore(RestoreOptions options)
    : options_(std::move(options)),
      packs_(options_.packs),
      codec_(options_.vault),
      places_(options_.chain, codec_, options_.from / options_.block_size),
      next_(options_.from / options_.block_size),
      end_((options_.from + options_.length + options_.block_size - 1) / options_.block_size),
      ahead_(options_.packs) {
  if (options_.mode == RestoreMode::delta) digests_.emplace(options_.chain, codec_, next_);
}

Restore::~Restore() = default;

bool Restore::run() {
  control_.parallel(
      thread_count(options_.threads),
      [this] {
        BlockReader reader(options_.vault, packs_, options_.block_size);
        Task task;
        Bytes target;
        while (claim(task)) work(reader, task, target);
      },
      [] {});
  return !control_.cancelled();
}

bool Restore::claim(Task& task) {
  const std::lock_guard lock(claim_mutex_);
  const auto make_next = [this](Task& made) {
    if (!make(made)) return false;
    // A delta may not need them: it compares first.
    if (options_.packs.remote && options_.mode != RestoreMode::delta) announce(packs_, made.places);
    return true;
  };
  return !control_.stopping() && ahead_.take(task, make_next);
}

bool Restore::make(Task& task) {
  if (next_ >= end_) return false;
  const uint64_t data = std::min(places_.next_data(next_), end_);
  const uint64_t size = options_.block_size;
  task.first = next_;
  task.zeros = data > next_;
  if (task.zeros) {
    // A fresh target is zero already: all of the gap is done at once.
    task.end = options_.mode == RestoreMode::fresh && options_.sparse ? data : std::min(data, next_ + std::max<uint64_t>(1, kZeroBytes / size));
  } else {
    task.end = std::min(end_, next_ + std::max<uint64_t>(1, kTaskBytes / size));
    places_.take(task.first, task.end - task.first, [&](uint64_t block, const Location& it, size_t layer) {
      task.places.push_back(place_of(block, it, places_.column(layer)));
    });
    // The task ends with its last data block; zeros behind it are found by the next claim.
    task.end = task.places.back().block + 1;
    if (digests_) {
      bool equal = true;
      digests_->take(task.first, task.end - task.first, [&](uint64_t block, const BlockDigest& it, size_t) {
        equal = equal && task.checks.size() < task.places.size() && task.places[task.checks.size()].block == block;
        task.checks.push_back(it.quick);
      });
      if (!equal || task.checks.size() != task.places.size())
        throw Error("MAP_DAMAGED", "a block map is damaged: its two columns name different blocks");
    }
  }
  next_ = task.end;
  return true;
}

void Restore::work(BlockReader& reader, Task& task, Bytes& target) {
  if (task.zeros) {
    zero_range(task.first, task.end, target);
  } else {
    uint64_t at = task.first;
    std::vector<BlockPlace> wanted;
    for (size_t i = 0; i < task.places.size(); i++) {
      const BlockPlace& it = task.places[i];
      if (it.block > at) zero_range(at, it.block, target);
      at = it.block + 1;
      if (options_.mode != RestoreMode::delta || differs(reader, it.block, task.checks[i], target)) wanted.push_back(it);
    }
    try {
      reader.fetch(wanted);
      for (const BlockPlace& it : wanted) {
        if (control_.stopping()) return;
        put_block(it.block, reader.open(it, Check::fast));
      }
    } catch (const Error& error) {
      if (error.code() == "TARGET_WRITE") throw;  // it says where, and its errno tells a full disk from a broken one
      const auto [start, end] = clip(task.first, task.end);
      throw Error(error.code(), "disk range " + std::to_string(start) + "+" + std::to_string(end - start) + ": " + error.what(), 0, error.path());
    }
  }
  const auto [start, end] = clip(task.first, task.end);
  position_ += end - start;
}

// The bytes of blocks [start, end) that lie in the part of the disk to restore.
std::pair<uint64_t, uint64_t> Restore::clip(uint64_t start, uint64_t end) const {
  const uint64_t from = std::max(start * options_.block_size, options_.from);
  return {from, std::max(from, std::min(end * options_.block_size, options_.from + options_.length))};
}

void Restore::put_block(uint64_t block, View raw) {
  const auto [start, end] = clip(block, block + 1);
  write(raw.subspan(start - block * options_.block_size, end - start), start - options_.from);
}

void Restore::write(View bytes, uint64_t at) {
  if (const int broken = failpoint("native.restore.write")) throw Error("TARGET_WRITE", "cannot write the target at " + std::to_string(at), broken);
  write_at(options_.fd, bytes, at, "TARGET_WRITE", "the target");
  const uint64_t before = written_.fetch_add(bytes.size());
  // Only a hint, so that the sync at the end finds most of it on the disk already.
  if (before / kPushEvery != (before + bytes.size()) / kPushEvery) sync_file_range(options_.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

bool Restore::differs(BlockReader& reader, uint64_t block, const QuickCheck& expected, Bytes& target) {
  const auto [start, end] = clip(block, block + 1);
  target.assign(options_.block_size, 0);
  const size_t inside = start - block * options_.block_size;
  const ssize_t got = read_at(options_.fd, target.data() + inside, end - start, start - options_.from);
  if (got < 0) throw Error("TARGET_READ", "cannot read the target at " + std::to_string(start - options_.from), static_cast<int>(-got));
  // A block of which only a part is restored can't be told by its check: it is written.
  const bool whole = inside == 0 && (end - start == options_.block_size || end == options_.size);
  if (!whole || static_cast<uint64_t>(got) != end - start || reader.codec().quick_check(target) != expected) return true;
  skipped_ += end - start;
  return false;
}

void Restore::zero_range(uint64_t first, uint64_t last, Bytes& target) {
  auto [start, end] = clip(first, last);
  start -= options_.from;
  end -= options_.from;
  if (options_.mode == RestoreMode::fresh && options_.sparse) return;
  if (options_.mode != RestoreMode::delta) return clear(start, end);
  // Holes of the target are zero; only its data is looked at, and only what is not zero is cleared.
  target.resize(kZeroLook);
  for (uint64_t at = start; at < end && !control_.stopping();) {
    const off_t data = lseek(options_.fd, static_cast<off_t>(at), SEEK_DATA);
    const uint64_t next = data < 0 ? (errno == ENXIO ? end : at) : std::min<uint64_t>(static_cast<uint64_t>(data), end);
    skipped_ += next - at;
    at = next;
    if (at >= end) break;
    const size_t step = std::min(end - at, kZeroLook);
    const ssize_t got = read_at(options_.fd, target.data(), step, at);
    if (got < 0) throw Error("TARGET_READ", "cannot read the target at " + std::to_string(at), static_cast<int>(-got));
    const auto filled = static_cast<size_t>(got);
    if (std::all_of(target.begin(), target.begin() + got, [](uint8_t byte) { return byte == 0; }) && filled == step)
      skipped_ += step;
    else
      clear(at, at + step);
    at += step;
  }
}

void Restore::clear(uint64_t start, uint64_t end) {
  if (const int broken = failpoint("native.restore.write")) throw Error("TARGET_WRITE", "cannot write the target at " + std::to_string(start), broken);
  // On a file this makes a hole, on a device the kernel promises zeros; where neither is offered they are written.
  if (options_.sparse && fallocate(options_.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(start), static_cast<off_t>(end - start)) == 0) {
    written_ += end - start;
    return;
  }
  static const Bytes zeros(kZeroBuffer);
  for (uint64_t at = start; at < end && !control_.stopping(); at += kZeroBuffer) {
    const size_t step = std::min(end - at, kZeroBuffer);
    write_at(options_.fd, {zeros.data(), step}, at, "TARGET_WRITE", "the target");
    written_ += step;
  }
}

}  // namespace strata
