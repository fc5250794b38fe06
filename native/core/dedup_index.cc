#include "dedup_index.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <queue>

#include "crc32.h"

namespace strata {

// As it lies in the files.
struct DedupIndex::Entry {
  Digest digest;
  uint32_t pack, offset, length, crc;
  uint32_t computed() const { return crc32({reinterpret_cast<const uint8_t*>(this), offsetof(Entry, crc)}); }
};

namespace {

constexpr char kMagic[] = "STRDDUP1";
constexpr size_t kEntry = 48, kFence = 64, kFreshLimit = 128 * 1024, kMergeBuffer = 512, kHead = 24;
// The cache is written anew when the packs that it lacks hold more than this part of its entries, or when more than this part of them is dead.
constexpr uint64_t kRewriteAt = 8;
constexpr size_t kBitsPerEntry = 12, kProbes = 4, kLeastFilter = 1 << 16;

uint64_t prefix_of(const Digest& digest) {
  uint64_t out;
  memcpy(&out, digest.data(), sizeof out);
  return __builtin_bswap64(out);  // so that the order of numbers is the order of digests
}

}  // namespace

// Sorted entries in a file from `start` on, with their fence. Deleted with the object when it is a spill.
class DedupIndex::SortedFile {
 public:
  // Takes the open file: another run may put another one under the same name at any time.
  SortedFile(Fd fd, const std::string& path, uint64_t start, uint64_t count) : fd_(std::move(fd)), path_(path), start_(start), count_(count) {}

  // All entries in order; throws at one that is damaged.
  class Cursor {
   public:
    explicit Cursor(const SortedFile& file) : file_(&file) {}
    bool next() {
      if (++at_ >= part_.size()) {
        if (read_ == file_->count_) return false;
        part_.resize(std::min<uint64_t>(kMergeBuffer, file_->count_ - read_));
        file_->read(part_, read_);
        read_ += part_.size();
        at_ = 0;
      }
      if (entry().crc != entry().computed()) throw Error("IO", file_->path_ + " is damaged", 0, file_->path_);
      return true;
    }
    const Entry& entry() const { return part_[at_]; }

   private:
    const SortedFile* file_;
    std::vector<Entry> part_;
    size_t at_ = 0;
    uint64_t read_ = 0;
  };

  // Reads it through; each(entry) sees all entries on the way.
  template <typename Each>
  void fence(Each&& each) {
    fence_.reserve(count_ / kFence + 1);
    uint64_t at = 0;
    for (Cursor it(*this); it.next();) {
      if (at++ % kFence == 0) fence_.push_back(prefix_of(it.entry().digest));
      each(it.entry());
    }
  }
  void fence() {
    fence([](const Entry&) {});
  }

  bool find(const Digest& digest, Entry& out) const {
    if (count_ == 0) return false;
    // Equal prefixes may span fences: start at the last fence strictly below.
    const uint64_t prefix = prefix_of(digest);
    auto fence = std::lower_bound(fence_.begin(), fence_.end(), prefix);
    if (fence != fence_.begin()) fence--;
    Entry part[kFence];
    for (auto at = static_cast<uint64_t>(fence - fence_.begin()) * kFence; at < count_; at += kFence) {
      const std::span<Entry> some(part, std::min<uint64_t>(kFence, count_ - at));
      read(some, at);
      const auto found = std::lower_bound(some.begin(), some.end(), digest, [](const Entry& it, const Digest& key) { return it.digest < key; });
      if (found == some.end()) continue;
      out = *found;
      return found->digest == digest && found->crc == found->computed();
    }
    return false;
  }

 private:
  void read(std::span<Entry> out, uint64_t at) const {
    read_exact(fd_.get(), {reinterpret_cast<uint8_t*>(out.data()), out.size_bytes()}, start_ + at * kEntry, "IO", path_);
  }
  Fd fd_;
  std::string path_;
  uint64_t start_, count_;
  std::vector<uint64_t> fence_;
};

DedupIndex::DedupIndex(std::shared_ptr<const Vault> vault, std::vector<PackFile> packs, std::string cache, size_t memory, const std::vector<BadPlace>& bad,
                       uint64_t expected)
    : cache_(std::move(cache)), bad_(bad.begin(), bad.end()) {
  static_assert(sizeof(Entry) == kEntry, "an entry takes 48 bytes");
  std::sort(packs.begin(), packs.end(), [](const PackFile& a, const PackFile& b) { return a.id < b.id; });
  FrameCodec codec(std::move(vault));
  const uint64_t dead = load_cache(packs), cached = entries_;
  load_packs(codec, packs);
  if ((entries_ - cached) * kRewriteAt > cached || dead * kRewriteAt > cached + dead) save_cache();
  const uint64_t wanted = std::max<uint64_t>((entries_ + expected) * kBitsPerEntry, kLeastFilter);
  const uint64_t bits = std::min<uint64_t>(wanted, std::max<uint64_t>(memory * 8, kLeastFilter));
  filter_.assign(bits / 64, 0);
  for (const auto& file : *files_)
    for (SortedFile::Cursor it(*file); it.next();)
      if (usable(it.entry())) note(it.entry().digest);
  for (const auto& [digest, place] : fresh_) note(digest);
}

DedupIndex::~DedupIndex() = default;

uint32_t DedupIndex::number_of(const PackId& id) {
  const auto [place, added] = numbers_.try_emplace(id, static_cast<uint32_t>(packs_.size()));
  if (added) packs_.push_back(id);
  return place->second;
}

// Whether a look-up may answer with it: its pack is there, and its frame not known to be damaged.
bool DedupIndex::usable(const Entry& entry) const {
  if (entry.pack >= packs_.size() || (entry.pack < gone_.size() && gone_[entry.pack])) return false;
  return bad_.empty() || !bad_.contains({packs_[entry.pack], entry.offset});
}

namespace {

// Where an entry's bits are in a filter of `words` 64-bit words: all in one word, so that a probe costs one cache line.
std::pair<size_t, uint64_t> filter_place(const Digest& digest, size_t words) {
  uint64_t where, bits;
  memcpy(&where, digest.data() + 16, 8);
  memcpy(&bits, digest.data() + 24, 8);
  uint64_t mask = 0;
  for (size_t i = 0; i < kProbes; i++) mask |= uint64_t{1} << (bits >> (6 * i) & 63);
  return {static_cast<size_t>(where % words), mask};
}

}  // namespace

void DedupIndex::note(const Digest& digest) {
  const auto [word, mask] = filter_place(digest, filter_.size());
  filter_[word] |= mask;
}

bool DedupIndex::maybe(const Digest& digest) const {
  const auto [word, mask] = filter_place(digest, filter_.size());
  return (filter_[word] & mask) == mask;
}

std::optional<FramePlace> DedupIndex::find(const Digest& digest) const {
  std::unique_lock lock(mutex_);
  if (!maybe(digest)) return {};
  if (const auto found = fresh_.find(digest); found != fresh_.end())
    return FramePlace{packs_[found->second.pack], found->second.offset, found->second.length};
  const auto files = files_;
  lock.unlock();
  Entry entry;
  for (auto file = files->rbegin(); file != files->rend(); file++) {
    if (!(*file)->find(digest, entry)) continue;
    lock.lock();
    if (usable(entry)) return FramePlace{packs_[entry.pack], entry.offset, entry.length};
    lock.unlock();
  }
  return {};
}

// A name beside the cache that no other index uses, of this process or another. The file is removed at the end of the scope (unless it has
// another name by then), so that a failure leaves nothing.
struct DedupIndex::Temporary {
  explicit Temporary(const std::string& cache) {
    static std::atomic<uint64_t> next{0};
    path = cache + "." + std::to_string(getpid()) + "." + std::to_string(next++);
    unlink(path.c_str());  // left by a killed process that had the same number
  }
  ~Temporary() { unlink(path.c_str()); }
  std::string path;
};

void DedupIndex::add_file(std::shared_ptr<const SortedFile> file) {
  auto files = std::make_shared<Files>(*files_);
  files->push_back(std::move(file));
  files_ = std::move(files);
}

void DedupIndex::add(const Digest& digest, const FramePlace& place) {
  const std::lock_guard lock(mutex_);
  fresh_[digest] = {number_of(place.pack), place.offset, place.length};
  note(digest);
  entries_++;
  if (fresh_.size() >= kFreshLimit) spill();
}

namespace {

template <typename Entry>
void write_entries(Appender& file, const std::vector<Entry>& entries) {
  file.append({reinterpret_cast<const uint8_t*>(entries.data()), entries.size() * sizeof(Entry)});
}

}  // namespace

void DedupIndex::spill() {
  if (fresh_.empty()) return;
  std::vector<Entry> entries;
  entries.reserve(fresh_.size());
  for (const auto& [digest, place] : fresh_) {
    Entry it{digest, place.pack, place.offset, place.length, 0};
    it.crc = it.computed();
    entries.push_back(it);
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.digest < b.digest; });
  const Temporary it(cache_);  // lives on as long as it is open
  Appender file(it.path, "native.index.write");
  write_entries(file, entries);
  file.finish();
  auto sorted = std::make_shared<SortedFile>(open_file(it.path, O_RDONLY, "IO"), it.path, 0, entries.size());
  sorted->fence();
  add_file(std::move(sorted));
  fresh_.clear();
}

// Cache file: magic, u32 packs, u32 CRC of the pack table, u64 entries, pack table (16 bytes each), sorted entries.
// Returns how many of its entries are of no use any more; the others count in `entries_`.
uint64_t DedupIndex::load_cache(const std::vector<PackFile>& packs) {
  Fd owned(open(cache_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!owned) return 0;
  const int fd = owned.get();
  uint8_t head[kHead];
  struct stat facts;
  if (read_at(fd, head, sizeof head, 0) != sizeof head || memcmp(head, kMagic, 8) != 0 || fstat(fd, &facts) != 0) return 0;
  uint32_t count, crc;
  uint64_t entries;
  memcpy(&count, head + 8, 4);
  memcpy(&crc, head + 12, 4);
  memcpy(&entries, head + 16, 8);
  const uint64_t start = kHead + uint64_t{count} * sizeof(PackId);
  if (entries > static_cast<uint64_t>(facts.st_size) / kEntry || static_cast<uint64_t>(facts.st_size) != start + entries * kEntry) return 0;
  std::vector<PackId> table(count);
  const std::span<uint8_t> raw(reinterpret_cast<uint8_t*>(table.data()), count * sizeof(PackId));
  if (read_at(fd, raw.data(), raw.size(), kHead) != static_cast<ssize_t>(raw.size()) || crc32(raw) != crc) return 0;
  for (const PackId& id : table) {
    const auto found = std::lower_bound(packs.begin(), packs.end(), id, [](const PackFile& it, const PackId& key) { return it.id < key; });
    gone_.push_back(found == packs.end() || found->id != id);
    number_of(id);
  }
  auto main = std::make_shared<SortedFile>(std::move(owned), cache_, start, entries);
  uint64_t dead = 0;
  try {
    main->fence([&](const Entry& it) { dead += !usable(it); });
  } catch (const Error&) {
    // A damaged cache is no loss: it is made anew.
    packs_.clear();
    gone_.clear();
    numbers_.clear();
    return 0;
  }
  add_file(std::move(main));
  entries_ = entries - dead;
  return dead;
}

void DedupIndex::load_packs(FrameCodec& codec, const std::vector<PackFile>& packs) {
  size_t announced = 0;
  for (size_t i = 0; i < packs.size(); i++) {
    const PackFile& pack = packs[i];
    if (numbers_.contains(pack.id)) continue;
    for (announced = std::max(announced, i + 1); announced < packs.size() && announced <= i + kIndexesAhead; announced++) {
      if (!numbers_.contains(packs[announced].id)) will_need_index(packs[announced]);
    }
    const auto frames = readable_index(codec, pack);
    if (!frames) {
      skipped_.push_back(pack.id);
      continue;
    }
    for (const PackedFrame& it : *frames) {
      if (bad_.contains({pack.id, it.offset})) continue;
      fresh_[it.digest] = {number_of(pack.id), it.offset, it.length};
      entries_++;
      if (fresh_.size() >= kFreshLimit) spill();
    }
  }
}

// Calls each(entry) for the usable entries of all files in order, those of equal digests one after the other.
template <typename Each>
void DedupIndex::merge(Each&& each) const {
  std::vector<SortedFile::Cursor> cursors;
  for (const auto& file : *files_) cursors.emplace_back(*file);
  const auto later = [&](size_t a, size_t b) { return cursors[b].entry().digest < cursors[a].entry().digest; };
  std::priority_queue<size_t, std::vector<size_t>, decltype(later)> heap(later);
  for (size_t i = 0; i < cursors.size(); i++)
    if (cursors[i].next()) heap.push(i);
  while (!heap.empty()) {
    const size_t i = heap.top();
    heap.pop();
    if (usable(cursors[i].entry())) each(cursors[i].entry());
    if (cursors[i].next()) heap.push(i);
  }
}

// Writes all that is usable to one file, which then stands for all others.
void DedupIndex::save_cache() {
  spill();
  std::vector<PackId> table;
  std::vector<uint32_t> renumbered(packs_.size());
  for (uint32_t i = 0; i < packs_.size(); i++) {
    renumbered[i] = static_cast<uint32_t>(table.size());
    if (i >= gone_.size() || !gone_[i]) table.push_back(packs_[i]);
  }
  const Temporary temporary(cache_);
  const std::string& path = temporary.path;
  Appender file(path, "native.index.write");
  Bytes head(kMagic, kMagic + 8);
  const View raw(reinterpret_cast<const uint8_t*>(table.data()), table.size() * sizeof(PackId));
  put(head, static_cast<uint32_t>(table.size()));
  put(head, crc32(raw));
  put(head, uint64_t{0});
  put_bytes(head, raw);
  file.append(head);

  uint64_t count = 0;
  std::vector<Entry> out;
  const auto keep = [&](Entry it) {
    it.pack = renumbered[it.pack];
    it.crc = it.computed();
    out.push_back(it);
    count++;
    if (out.size() < kMergeBuffer) return;
    write_entries(file, out);
    out.clear();
  };
  // The same digest in several packs is kept once: in the pack that was met last, for a collection removes older ones.
  std::optional<Entry> last;
  merge([&](const Entry& it) {
    if (last && last->digest == it.digest) {
      if (it.pack > last->pack) last = it;
      return;
    }
    if (last) keep(*last);
    last = it;
  });
  if (last) keep(*last);
  write_entries(file, out);
  file.finish();
  memcpy(head.data() + kHead - 8, &count, sizeof count);
  write_at(open_file(path, O_WRONLY, "IO").get(), head, 0, "IO", path);
  auto merged = std::make_shared<SortedFile>(open_file(path, O_RDONLY, "IO"), cache_, head.size(), count);
  merged->fence();
  if (rename(path.c_str(), cache_.c_str()) != 0) throw Error("IO", "cannot rename " + path, errno, path);
  files_ = std::make_shared<Files>(Files{std::move(merged)});
  entries_ = count;
  packs_.clear();
  gone_.clear();
  numbers_.clear();
  for (const PackId& id : table) number_of(id);
}

}  // namespace strata
