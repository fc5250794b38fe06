#include "relocation.h"

namespace strata {
namespace {

constexpr uint32_t kKept = UINT32_MAX;  // of a pack that is not sparse
constexpr size_t kBatch = 1024;

std::vector<PackId> sorted(std::vector<PackId> ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace

Relocation::Relocation(RelocationOptions options, PackStream::OnPack on_pack)
    : options_(std::move(options)),
      sparse_(sorted(options_.sparse)),
      packs_({options_.spool, options_.run_id, options_.pack_size}, control_,
             [this, on_pack = std::move(on_pack)](const FinishedPack& pack) {
               outcome_.packs.push_back(pack.id);
               on_pack(pack);
             }),
      codec_(options_.vault),
      frames_(options_.vault, options_.packs, packs_, options_.clone, control_) {}

void Relocation::cancel() {
  control_.cancel();
  packs_.wake();
}

void Relocation::abandon() {
  cancel();
  packs_.abandon();
}

RelocationProgress Relocation::progress() const { return {total_, frames_.bytes_cloned(), frames_.bytes_copied()}; }

RelocationOutcome Relocation::run() {
  packs_.run([this] {
    try {
      for (const auto& chain : options_.live) collect(chain);
    } catch (const Error& error) {
      if (error.code() != "CANCELLED") throw;
      return;
    }
    join();
    copy();
    for (size_t i = 0; i < options_.columns.size() && !control_.stopping(); i++)
      outcome_.columns.push_back(rewrite(options_.columns[i], options_.spool + "/" + hex(options_.run_id) + "." + std::to_string(i) + ".loc"));
  });
  outcome_.cancelled = control_.cancelled();
  return std::move(outcome_);
}

// A pack's number among the sparse ones, or kKept.
uint32_t Relocation::sparse_number(const PackId& id) const {
  const auto found = std::lower_bound(sparse_.begin(), sparse_.end(), id);
  return found != sparse_.end() && *found == id ? static_cast<uint32_t>(found - sparse_.begin()) : kKept;
}

bool Relocation::names_sparse(const Layer& layer) {
  const Column<Location> column(layer.location, codec_);
  return std::any_of(column.packs().begin(), column.packs().end(), [this](const PackId& id) { return sparse_number(id) != kKept; });
}

// Gathers the frames in sparse packs that a point shows. Most points show none: their indexes tell, and nothing is merged.
void Relocation::collect(const std::vector<Layer>& chain) {
  if (std::none_of(chain.begin(), chain.end(), [this](const Layer& layer) { return names_sparse(layer); })) return;
  visible_frames(options_.vault, chain, control_, [this](const PackId& id) { return sparse_number(id); }, [this](uint32_t pack, const Location& it) {
    if (pack == kKept) return;
    moved_.push_back({pack, it.offset, it.length, it.check});
    // Points share most of what they show: so memory stays in proportion to the frames there are.
    if (moved_.size() >= join_at_) join();
  });
}

// Sorts the frames and keeps each once.
void Relocation::join() {
  const auto place = [](const Moved& it) { return std::pair(it.pack, it.offset); };
  std::sort(moved_.begin(), moved_.end(), [&](const Moved& a, const Moved& b) { return place(a) < place(b); });
  const auto end = std::unique(moved_.begin(), moved_.end(), [&](const Moved& a, const Moved& b) {
    if (place(a) != place(b)) return false;
    if (a.length != b.length || a.check != b.check)
      throw Error("MAP_DAMAGED", "block maps are damaged: two mean different frames at " + std::to_string(a.offset) + " of pack " + hex(sparse_[a.pack]));
    return true;
  });
  moved_.erase(end, moved_.end());
  join_at_ = std::max(join_at_, moved_.size() * 2);
}

void Relocation::copy() {
  uint64_t total = 0;
  for (const Moved& it : moved_) total += it.length;
  total_ = total;
  std::vector<FrameRef> wanted;
  std::vector<FramePlace> places;
  for (size_t at = 0; at < moved_.size(); at += wanted.size()) {
    wanted.clear();
    for (size_t i = at; i < std::min(moved_.size(), at + kBatch); i++)
      wanted.push_back({sparse_[moved_[i].pack], moved_[i].offset, moved_[i].length, moved_[i].check});
    if (!frames_.copy(wanted, places)) return;
    for (size_t i = 0; i < places.size(); i++) moved_[at + i].place = places[i];
  }
  packs_.give_out(codec_);
}

// Where the frame at an old place in a sparse pack is now; nothing when no live point shows it.
const FramePlace* Relocation::place_of(uint32_t pack, const Location& old) const {
  const auto found = std::lower_bound(moved_.begin(), moved_.end(), std::pair(pack, old.offset),
                                      [](const Moved& it, const auto& key) { return std::pair(it.pack, it.offset) < key; });
  const bool same = found != moved_.end() && found->pack == pack && found->offset == old.offset && found->length == old.length && found->check == old.check;
  return same ? &found->place : nullptr;
}

WrittenColumn Relocation::rewrite(const ColumnRef& from, const std::string& path) {
  const Column<Location> column(from, codec_);
  std::vector<uint32_t> sparse;
  for (const PackId& id : column.packs()) sparse.push_back(sparse_number(id));
  ColumnWriter<Location> writer(path, codec_);
  PackNumbers numbers;
  RenumberedPacks kept(numbers, column.packs());
  for (size_t number = 0; number < column.pages().size() && !control_.stopping(); number++) {
    const Page<Location> page = column.load(number, codec_);
    auto entry = page.entries.begin();
    for (const Span& span : page.spans) {
      if (span.kind == Kind::zero) {
        writer.zero(span.start, span.count);
        continue;
      }
      for (uint64_t block = span.start; block < span.end(); block++, entry++) {
        const uint32_t pack = sparse[entry->pack];
        const FramePlace* const now = pack == kKept ? nullptr : place_of(pack, *entry);
        if (now != nullptr) writer.data(block, {numbers.number(now->pack), now->offset, entry->length, entry->check});
        else writer.data(block, {kept[entry->pack], entry->offset, entry->length, entry->check});
      }
    }
  }
  return writer.finish(numbers.ids());
}

}  // namespace strata
