#include "rebuild.h"

#include "pack_numbers.h"

namespace strata {

struct Rebuild::Item {
  uint64_t block;
  std::optional<BlockDigest> digest;
  std::optional<BlockPlace> place;
  bool wanted = false, mended = false;
};

namespace {

// The shortest frame there could be, so that it fits in any map.
constexpr Location kNowhere{0, kPackStart, kFrameHeader, 0};

// The data blocks of a page, in order, each with its entry.
template <typename Entry, typename Each>
void data_blocks(const Page<Entry>& page, Each&& each) {
  size_t entry = 0;
  for (const Span& span : page.spans) {
    if (span.kind == Kind::zero) continue;
    for (uint64_t block = span.start; block < span.end(); block++) each(block, page.entries[entry++]);
  }
}

// Writes a page's runs again, with a new entry for each data block.
template <typename From, typename To, typename EntryOf>
void write_page(const Page<From>& page, ColumnWriter<To>& out, EntryOf&& entry_of) {
  size_t entry = 0;
  for (const Span& span : page.spans) {
    if (span.kind == Kind::zero)
      out.zero(span.start, span.count);
    else
      for (uint64_t block = span.start; block < span.end(); block++) out.data(block, entry_of(entry++));
  }
}

bool is_of_pack(const Error& error) {
  return error.code() == "FRAME_DAMAGED" || error.code() == "PACK_READ" || error.code() == "PACK_MISSING" || error.code() == "MAP_DAMAGED";
}

}  // namespace

Rebuild::Rebuild(Column column, RebuildOptions options)
    : column_(column),
      options_(std::move(options)),
      missing_(options_.missing_packs.begin(), options_.missing_packs.end()),
      bad_(options_.bad_places.begin(), options_.bad_places.end()),
      codec_(options_.vault),
      packs_(options_.packs) {
  if (column == Column::location ? !options_.digest || !options_.index : !options_.location)
    throw Error("NATIVE_ARGUMENT", "a column cannot be rebuilt without the other one");
  for (unsigned i = 0; i < thread_count(options_.threads); i++) readers_.push_back(std::make_unique<BlockReader>(options_.vault, packs_, options_.block_size));
}

Rebuild::~Rebuild() = default;

RebuildOutcome Rebuild::run() {
  if (column_ == Column::location)
    locations();
  else
    digests();
  outcome_.cancelled = control_.cancelled();
  outcome_.wrong_quick_check = wrong_quick_check_;
  outcome_.bad.assign(found_bad_.begin(), found_bad_.end());
  return std::move(outcome_);
}

void Rebuild::locations() {
  const strata::Column<BlockDigest> digests(*options_.digest, codec_);
  std::optional<ChainWindow<Location>> old;
  if (options_.location) old.emplace(std::vector<Layer>{{*options_.location, *options_.digest, UINT64_MAX}}, codec_);
  ColumnWriter<Location> out(options_.path, codec_);
  PackNumbers packs;
  for (size_t number = 0; number < digests.pages().size() && !control_.stopping(); number++) {
    const Page<BlockDigest> page = digests.load(number, codec_);
    std::vector<Item> items;
    data_blocks(page, [&](uint64_t block, const BlockDigest& it) { items.push_back({block, it, {}}); });
    if (old) {
      auto item = items.begin();
      old->take(page.first(), page.end() - page.first(), [&](uint64_t block, const Location& it, size_t layer) {
        while (item != items.end() && item->block < block) item++;
        if (item != items.end() && item->block == block) item->place = place_of(block, it, old->column(layer));
      });
    }
    for (Item& it : items) it.wanted = !it.place || !usable(*it.place) || it.place->check != check_of(it.digest->digest);
    each(items, [this](BlockReader& reader, Item& item) { find(reader, item); });
    if (control_.stopping()) break;
    write_page(page, out, [&](size_t entry) {
      const Item& it = items[entry];
      Location location = kNowhere;
      if (it.place) location = {0, it.place->offset, it.place->length, 0};
      location.pack = packs.number(it.place ? it.place->pack : kNoPack);
      location.check = check_of(it.digest->digest);
      return location;
    });
    tally(items);
  }
  if (!control_.stopping()) outcome_.column = out.finish(packs.ids());
}

void Rebuild::digests() {
  const strata::Column<Location> places(*options_.location, codec_);
  ColumnWriter<BlockDigest> out(options_.path, codec_);
  for (size_t number = 0; number < places.pages().size() && !control_.stopping(); number++) {
    const Page<Location> page = places.load(number, codec_);
    std::vector<Item> items;
    data_blocks(page, [&](uint64_t block, const Location& it) { items.push_back({block, {}, place_of(block, it, places), true}); });
    each(items, [this](BlockReader& reader, Item& item) { read(reader, item); });
    if (control_.stopping()) break;
    write_page(page, out, [&](size_t entry) { return *items[entry].digest; });
    tally(items);
  }
  if (!control_.stopping()) outcome_.column = out.finish({});
}

// Does work(reader, item) for those that are wanted, on all threads.
template <typename Work>
void Rebuild::each(std::vector<Item>& items, Work&& work) {
  if (std::none_of(items.begin(), items.end(), [](const Item& it) { return it.wanted; })) return;
  std::atomic<size_t> next{0}, reader{0};
  control_.parallel(
      static_cast<unsigned>(readers_.size()),
      [&] {
        BlockReader& own = *readers_[reader++];
        for (size_t i; (i = next++) < items.size() && !control_.stopping();)
          if (items[i].wanted) work(own, items[i]);
      },
      [] {});
}

bool Rebuild::usable(const BlockPlace& place) const { return !missing_.contains(place.pack) && !bad_.contains({place.pack, place.offset}); }

// Looks for a whole copy of the block. An old place that cannot be read stays when there is none: its pack may come back.
void Rebuild::find(BlockReader& reader, Item& item) {
  const auto found = options_.index->find(item.digest->digest);
  if (!found) return;
  const BlockPlace place{item.block, found->pack, found->offset, found->length, check_of(item.digest->digest)};
  try {
    reader.fetch({&place, 1});
    Digest digest;
    const View raw = reader.open(place, Check::digest, &digest);
    if (digest != item.digest->digest) throw Error("FRAME_DAMAGED", "a frame is damaged: another block stands in its place");
    if (reader.codec().quick_check(raw) != item.digest->quick) wrong_quick_check_ = true;
    read_ += place.length;
    item.place = place;
    item.mended = true;
  } catch (const Error& error) {
    note_bad(place, error);
  }
}

void Rebuild::read(BlockReader& reader, Item& item) {
  try {
    reader.fetch({&*item.place, 1});
    Digest digest;
    const View raw = reader.open(*item.place, Check::digest, &digest);
    item.digest = {digest, reader.codec().quick_check(raw)};
    read_ += item.place->length;
    item.mended = true;
  } catch (const Error& error) {
    note_bad(*item.place, error);
    item.digest = {described(*item.place), {}};
  }
}

// The digest of a frame that cannot be read: as its pack's index names it, or its own header. Else what the map knows of it: the beginning.
Digest Rebuild::described(const BlockPlace& place) {
  const std::lock_guard lock(mutex_);
  auto known = described_.find(place.pack);
  if (known == described_.end()) {
    std::vector<PackedFrame> frames;
    try {
      frames = read_pack_index(codec_, *packs_.open(place.pack), place.pack);
    } catch (const Error& damaged) {
      if (!is_of_pack(damaged)) throw;
      try {
        frames = scan_frames(*packs_.open(place.pack));
      } catch (const Error& lost) {
        if (!is_of_pack(lost)) throw;
      }
    }
    known = described_.emplace(place.pack, std::move(frames)).first;
  }
  for (const PackedFrame& it : known->second)
    if (it.offset == place.offset && check_of(it.digest) == place.check) return it.digest;
  Digest out{};
  memcpy(out.data(), &place.check, sizeof place.check);
  return out;
}

// Throws on what is no damage of the pack.
void Rebuild::note_bad(const BlockPlace& place, const Error& error) {
  if (!is_of_pack(error)) throw error;
  if (error.code() == "PACK_MISSING") return;
  const std::lock_guard lock(mutex_);
  found_bad_.insert({place.pack, place.offset});
}

// Counts what came of a page.
void Rebuild::tally(const std::vector<Item>& items) {
  for (const Item& it : items) {
    position_ = std::min((it.block + 1) * options_.block_size, options_.size);
    outcome_.mended += it.mended;
    if (!it.wanted || it.mended) continue;
    const uint64_t offset = it.block * options_.block_size;
    const uint64_t length = std::min<uint64_t>(options_.block_size, options_.size - std::min(options_.size, offset));
    if (!outcome_.lost.empty() && outcome_.lost.back().offset + outcome_.lost.back().length == offset)
      outcome_.lost.back().length += length;
    else
      outcome_.lost.push_back({offset, length});
  }
}

}  // namespace strata
