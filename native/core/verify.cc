#include "verify.h"

#include "sample.h"

namespace strata {
namespace {
constexpr uint64_t kTaskBytes = 4 << 20;

// Neighbours with the same cause become one, so that a lost pack takes little memory.
void add(std::vector<Damage>& all, Damage it) {
  Damage* const last = all.empty() ? nullptr : &all.back();
  if (last != nullptr && last->length > 0 && last->offset + last->length == it.offset && last->code == it.code && last->pack == it.pack) {
    last->length += it.length;
    last->frames.insert(last->frames.end(), it.frames.begin(), it.frames.end());
  } else {
    all.push_back(std::move(it));
  }
}

// Whether it is the frame that is damaged, and not a map or a whole pack.
bool is_of_frame(const Error& error) { return error.code() == "FRAME_DAMAGED" || error.code() == "PACK_READ"; }

// Whether it tells of what is stored. What a store that cannot be reached would say is not known.
bool is_damage(const Error& error) { return is_of_frame(error) || error.code() == "MAP_DAMAGED" || error.code() == "PACK_MISSING"; }

}  // namespace

struct Verify::Task {
  uint64_t first = 0, end = 0;
  std::vector<BlockPlace> places;
  std::vector<std::pair<uint64_t, BlockDigest>> digests;
};

Verify::Verify(VerifyOptions options)
    : options_(std::move(options)),
      packs_(options_.packs),
      codec_(options_.vault),
      places_(options_.chain, codec_),
      digests_(options_.chain, codec_),
      blocks_((options_.size + options_.block_size - 1) / options_.block_size),
      ahead_(options_.packs),
      suspects_(options_.suspects.begin(), options_.suspects.end()) {}

Verify::~Verify() = default;

VerifyOutcome Verify::run() {
  control_.parallel(
      thread_count(options_.threads),
      [this] {
        BlockReader reader(options_.vault, packs_, options_.block_size);
        Task task;
        while (claim(task)) work(reader, task);
      },
      [] {});
  if (!control_.cancelled()) check_packs(codec_);
  VerifyOutcome out;
  out.cancelled = control_.cancelled();
  out.blocks_checked = checked_;
  out.bytes_read = read_;
  if (!out.cancelled) out.root = merkle_.root(options_.size, options_.block_size);
  // Found by several threads: into disk order.
  std::sort(damage_.begin(), damage_.end(), [](const Damage& a, const Damage& b) { return a.offset < b.offset; });
  for (Damage& it : damage_) {
    it.length = std::min(it.length, options_.size - std::min(options_.size, it.offset));
    add(out.damage, std::move(it));
  }
  out.recovered.assign(recovered_.begin(), recovered_.end());
  return out;
}

bool Verify::claim(Task& task) {
  const std::lock_guard lock(claim_mutex_);
  const auto make_next = [this](Task& made) {
    if (!make(made)) return false;
    if (options_.packs.remote && options_.sample_percent >= 100) announce(packs_, made.places);
    return true;
  };
  return !control_.stopping() && ahead_.take(task, make_next);
}

bool Verify::make(Task& task) {
  if (next_ >= blocks_) return false;
  task.first = std::min({places_.next_data(next_), digests_.next_data(next_), blocks_});
  task.end = std::min(blocks_, task.first + std::max<uint64_t>(1, kTaskBytes / options_.block_size));
  const uint64_t count = task.end - task.first;
  merkle_.zeros(task.first - next_);
  position_ += disk_bytes(next_, task.first);
  uint64_t hashed = task.first;
  digests_.take(task.first, count, [&](uint64_t block, const BlockDigest& it, size_t) {
    merkle_.zeros(block - hashed);
    merkle_.data(it.digest);
    hashed = block + 1;
    task.digests.emplace_back(block, it);
  });
  merkle_.zeros(task.end - hashed);
  places_.take(task.first, count, [&](uint64_t block, const Location& it, size_t layer) {
    task.places.push_back(place_of(block, it, places_.column(layer)));
    if (task.places.size() < 2 || task.places.back().pack != task.places.end()[-2].pack) seen_packs_.insert(task.places.back().pack);
  });
  next_ = task.end;
  return true;
}

void Verify::check_packs(FrameCodec& codec) {
  for (const PackId& id : seen_packs_) {
    if (control_.stopping()) return;
    try {
      read_pack_index(codec, *packs_.open(id), id);
    } catch (const Error& error) {
      // That the pack is missing was found with each of its blocks.
      if (error.code() == "PACK_MISSING") continue;
      if (!is_damage(error)) throw;
      damaged_++;
      damage_.push_back({0, 0, hex(id), error.code(), std::string("the pack's index: ") + error.what(), {}});
    }
  }
}

void Verify::work(BlockReader& reader, Task& task) {
  static const Error differ("MAP_DAMAGED", "the two columns of the block map name different blocks");
  auto digest = task.digests.begin();
  std::vector<BlockPlace> wanted;
  std::vector<BlockDigest> expected;
  std::vector<Damage> found;
  const Sample sample{options_.sample_percent, options_.seed};
  for (const BlockPlace& it : task.places) {
    for (; digest != task.digests.end() && digest->first < it.block; digest++) note(found, digest->first, nullptr, differ);
    if (digest == task.digests.end() || digest->first != it.block) {
      note(found, it.block, &it, differ);
      continue;
    }
    if (sample.takes(it.block)) {
      wanted.push_back(it);
      expected.push_back(digest->second);
    }
    digest++;
  }
  for (; digest != task.digests.end(); digest++) note(found, digest->first, nullptr, differ);

  // All at once is quicker; when that fails, each alone, so that only what is damaged is named.
  bool together = true;
  try {
    reader.fetch(wanted);
  } catch (const Error&) {
    together = false;
  }
  for (size_t i = 0; i < wanted.size() && !control_.stopping(); i++) {
    const BlockPlace& it = wanted[i];
    try {
      if (!together) reader.fetch({&it, 1});
      check(reader, it, expected[i]);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      note(found, it.block, &it, error);
    }
  }
  position_ += disk_bytes(task.first, task.end);
  const std::lock_guard lock(damage_mutex_);
  damage_.insert(damage_.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
}

void Verify::check(BlockReader& reader, const BlockPlace& place, const BlockDigest& digest) {
  Digest found;
  const View raw = reader.open(place, Check::digest, &found);
  if (found != digest.digest) throw Error("FRAME_DAMAGED", "a frame is damaged: another block stands in its place");
  if (reader.codec().quick_check(raw) != digest.quick) throw Error("MAP_DAMAGED", "a block map is damaged: a block has another quick check");
  checked_++;
  read_ += place.length;
  if (suspects_.empty() || !suspects_.contains({place.pack, place.offset})) return;
  const std::lock_guard lock(damage_mutex_);
  recovered_.insert({place.pack, place.offset});
}

void Verify::note(std::vector<Damage>& found, uint64_t block, const BlockPlace* place, const Error& error) {
  damaged_++;
  Damage it{block * options_.block_size, options_.block_size, "", error.code(), error.what(), {}};
  if (place != nullptr) it.pack = hex(place->pack);
  if (place != nullptr && is_of_frame(error)) it.frames.push_back(place->offset);
  add(found, std::move(it));
}

// How many bytes of the disk the blocks [start, end) are; the last one may be short.
uint64_t Verify::disk_bytes(uint64_t start, uint64_t end) const {
  return std::min(end * options_.block_size, options_.size) - std::min(start * options_.block_size, options_.size);
}

}  // namespace strata
