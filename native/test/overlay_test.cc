#include "overlay.h"

#include <algorithm>
#include <map>
#include <thread>

#include "code_of.h"
#include "medium.h"
#include "memory_content.h"
#include "system_calls.h"
#include "tiny_folder.h"

namespace strata::test {
namespace {

constexpr uint64_t kGrain = Overlay::kGrain;
constexpr uint64_t kHead = 4096;

OverlayPlace place_in(const std::string& path, uint64_t size) {
  const uint64_t bits = (size + 8 * kGrain - 1) / (8 * kGrain);
  return {path, kHead, (kHead + bits + kGrain - 1) / kGrain * kGrain};
}

void make_overlay(const std::string& path, uint64_t size) {
  open_file(path, O_WRONLY | O_CREAT | O_EXCL, "IO");
  std::filesystem::resize_file(path, place_in(path, size).data_offset + size);
}

std::shared_ptr<Overlay> open_overlay(const std::shared_ptr<Content>& base, const std::string& path) {
  return std::make_shared<Overlay>(base, place_in(path, base->size()), open_file(path, O_RDWR, "IO"));
}

Bytes all_of(Content& content) {
  Bytes out(content.size(), 0xa5);
  Stream stream;
  content.read(stream, 0, out);
  return out;
}

// An overlay beside the bytes that it must show.
class OverlayOf : public testing::TestWithParam<uint64_t> {
 protected:
  void SetUp() override {
    base_ = std::make_shared<MemoryContent>(random_disk(dice_, GetParam()));
    model_ = base_->bytes();
    written_.resize((model_.size() + kGrain - 1) / kGrain);
    make_overlay(path_, model_.size());
    reopen();
  }

  void reopen() { overlay_ = open_overlay(base_, path_); }

  // Writes or zeros a part.
  void change() {
    const auto [offset, length] = random_part(dice_, model_.size(), 40'000);
    const bool zeros = dice_.chance(30);
    const Bytes bytes = zeros ? Bytes(length) : dice_.bytes(length);
    if (zeros)
      overlay_->zero(offset, length);
    else
      overlay_->write(offset, bytes);
    std::copy(bytes.begin(), bytes.end(), model_.begin() + static_cast<ptrdiff_t>(offset));
    for (uint64_t grain = offset / kGrain; grain * kGrain < offset + length; grain++) written_[grain] = true;
  }

  void check_part() {
    const auto [offset, length] = random_part(dice_, model_.size(), 60'000);
    Bytes out(length, 0xa5);
    Stream stream;
    overlay_->read(stream, offset, out);
    ASSERT_TRUE(std::equal(out.begin(), out.end(), model_.begin() + static_cast<ptrdiff_t>(offset))) << offset << "+" << length;
  }

  void check_written() {
    std::vector<bool> found(written_.size());
    uint64_t last = 0;
    for (const auto& [offset, length] : overlay_->written()) {
      ASSERT_TRUE(offset == 0 ? last == 0 : offset > last) << "joined, and in order";
      last = offset + length;
      ASSERT_LE(last, model_.size());
      for (uint64_t at = offset; at < last; at += kGrain) found[at / kGrain] = true;
    }
    ASSERT_TRUE(found == written_);
  }

  Dice dice_{370 + GetParam()};
  TempFolder folder_;
  const std::string path_ = folder_ / "overlay";
  std::shared_ptr<MemoryContent> base_;
  std::shared_ptr<Overlay> overlay_;
  Bytes model_;
  std::vector<bool> written_;
};
INSTANTIATE_TEST_SUITE_P(, OverlayOf, testing::Values(1, 4095, 4096, 4097, 8 * 4096, 64 * 4096, 300'001, 1'000'000),
                         [](const auto& size) { return std::to_string(size.param) + "Bytes"; });

TEST_P(OverlayOf, IsLikeTheModel) {
  EXPECT_TRUE(overlay_->writable());
  EXPECT_EQ(overlay_->size(), model_.size());
  EXPECT_TRUE(overlay_->written().empty());
  for (int i = 0; i < 250; i++) {
    if (dice_.chance(50)) change();
    if (dice_.chance(5)) overlay_->flush();
    if (dice_.chance(5)) {
      overlay_->flush();
      reopen();
    }
    ASSERT_NO_FATAL_FAILURE(check_part());
    if (i % 25 == 0) {
      ASSERT_NO_FATAL_FAILURE(check_written());
      ASSERT_NO_FATAL_FAILURE(check_runs(*overlay_, model_, dice_.below(model_.size())));
    }
  }
  overlay_->flush();
  reopen();
  ASSERT_TRUE(all_of(*overlay_) == model_);
  check_written();
  check_runs(*overlay_, model_);
  EXPECT_EQ(std::filesystem::file_size(path_), place_in(path_, model_.size()).data_offset + model_.size());
}

// As it is where nothing tells holes or makes them.
TEST_P(OverlayOf, IsLikeTheModelWithoutHoles) {
  SystemCalls calls;
  calls.punch = [](int, uint64_t, uint64_t) { return EOPNOTSUPP; };
  calls.seek = [](int, int whence) { return whence == SEEK_DATA || whence == SEEK_HOLE ? EINVAL : 0; };
  const WatchedCalls watched(calls);
  for (int i = 0; i < 60; i++) change();
  EXPECT_TRUE(all_of(*overlay_) == model_);
  check_written();
  check_runs(*overlay_, model_);
}

TEST_P(OverlayOf, ReadsTheBaseOnlyWhereItIsNeeded) {
  Bytes bytes = dice_.bytes(model_.size());
  overlay_->write(0, bytes);
  EXPECT_EQ(base_->reads, 0u) << "all is written over";
  EXPECT_TRUE(all_of(*overlay_) == bytes);
  EXPECT_EQ(base_->reads, 0u);
  overlay_->zero(0, model_.size());
  EXPECT_EQ(base_->reads, 0u);
  EXPECT_TRUE(all_of(*overlay_) == Bytes(model_.size()));
  EXPECT_FALSE(overlay_->run_at(0).data);
  EXPECT_EQ(overlay_->run_at(0).end, model_.size());
}

// The file as it is at any time, without what was never flushed: no grain is anything but what it was or became.
TEST_P(OverlayOf, ACopyTakenAtAnyTimeHasWhatWasFlushed) {
  std::vector<Bytes> since = {model_};  // what the disk was at the last flush and after each change since
  for (int i = 0; i < 40; i++) {
    change();
    since.push_back(model_);
    if (dice_.chance(30)) {
      overlay_->flush();
      since = {model_};
    }
    const std::string copy = folder_ / "copy";
    std::filesystem::copy_file(path_, copy, std::filesystem::copy_options::overwrite_existing);
    const Bytes found = all_of(*open_overlay(base_, copy));
    for (uint64_t at = 0; at < found.size(); at += kGrain) {
      const auto length = static_cast<ptrdiff_t>(std::min<uint64_t>(kGrain, found.size() - at));
      const auto from = static_cast<ptrdiff_t>(at);
      ASSERT_TRUE(std::any_of(since.begin(), since.end(), [&](const Bytes& it) { return std::equal(it.begin() + from, it.begin() + from + length, found.begin() + from); }))
          << at;
    }
  }
}

// What the disk below it has been told to keep, and the losses of power that could follow.
class PowerLoss : public testing::Test {
 protected:
  static constexpr uint64_t kSize = 25 * kGrain + 700;
  struct Call {
    uint64_t page;    // of the file
    Bytes content;    // that the page has from then on
    size_t kept = 0;  // a sync is done: the calls before this one are kept for ever
  };
  struct Change {
    size_t call;  // the first that belongs to it
    Bytes disk;   // after it
  };
  struct Flush {
    size_t change, end;  // changes before it, calls when it was done
  };

  void SetUp() override {
    base_ = std::make_shared<MemoryContent>(random_disk(dice_, kSize));
    make_overlay(path_, kSize);
    file_.resize(place_in(path_, kSize).data_offset + 26 * kGrain);
    now_ = file_;
    changes_.push_back({0, base_->bytes()});
    SystemCalls calls;
    calls.write = [this](int, View bytes, uint64_t offset) {
      sync_is_done();
      std::copy(bytes.begin(), bytes.end(), now_.begin() + static_cast<ptrdiff_t>(offset));
      note(offset, bytes.size());
      return during();
    };
    calls.punch = [this](int, uint64_t offset, uint64_t length) {
      std::fill_n(now_.begin() + static_cast<ptrdiff_t>(offset), length, 0);
      note(offset, length);
      return 0;
    };
    calls.sync = [this](int) {
      // Nothing of what comes while it runs is promised.
      sync_is_done();
      syncing_ = calls_.size();
      return during();
    };
    watched_.emplace(std::move(calls));
  }

  void note(uint64_t offset, uint64_t length) {
    for (uint64_t page = offset / kGrain; page * kGrain < offset + length; page++)
      calls_.push_back({page, Bytes(now_.begin() + static_cast<ptrdiff_t>(page * kGrain), now_.begin() + static_cast<ptrdiff_t>((page + 1) * kGrain))});
  }

  // Known when the flush goes on.
  void sync_is_done() {
    if (flushing_ && syncing_) calls_.push_back({0, {}, *std::exchange(syncing_, {})});
  }

  // While a flush runs, others write: possible only as it holds no lock.
  int during() {
    if (!flushing_ || !dice_.chance(40)) return 0;
    flushing_ = false;
    change();
    flushing_ = true;
    return 0;
  }

  void change() {
    const auto [offset, length] = random_part(dice_, kSize, 20'000);
    const bool zeros = dice_.chance(25);
    const Bytes bytes = zeros ? Bytes(length) : dice_.bytes(length);
    Bytes disk = changes_.back().disk;
    std::copy(bytes.begin(), bytes.end(), disk.begin() + static_cast<ptrdiff_t>(offset));
    changes_.push_back({calls_.size(), std::move(disk)});
    if (zeros)
      overlay_->zero(offset, length);
    else
      overlay_->write(offset, bytes);
  }

  void flush() {
    const size_t before = changes_.size();
    flushing_ = true;
    overlay_->flush();
    sync_is_done();
    flushing_ = false;
    flushes_.push_back({before, calls_.size()});
  }

  // The file when the power goes before call `end`: what was synced, and of each page as many of its later states as chance has it.
  Bytes file_after(size_t end) {
    size_t kept = 0;
    for (size_t i = 0; i < end; i++) kept = std::max(kept, calls_[i].kept);
    Bytes out = file_;
    std::map<uint64_t, bool> lost;
    for (size_t i = 0; i < end; i++) {
      const Call& it = calls_[i];
      if (it.content.empty()) continue;
      bool& gone = lost[it.page];
      if (i >= kept) gone = gone || dice_.chance(40);
      if (!gone) std::copy(it.content.begin(), it.content.end(), out.begin() + static_cast<ptrdiff_t>(it.page * kGrain));
    }
    return out;
  }

  Dice dice_{380};
  TempFolder folder_;
  const std::string path_ = folder_ / "overlay";
  std::shared_ptr<MemoryContent> base_;
  std::shared_ptr<Overlay> overlay_;
  Bytes file_, now_;  // the overlay's file before all calls, and after them
  std::vector<Call> calls_;
  std::vector<Change> changes_;
  std::vector<Flush> flushes_;
  bool flushing_ = false;
  std::optional<size_t> syncing_;  // calls before the sync that runs
  std::optional<WatchedCalls> watched_;
};

TEST_F(PowerLoss, KeepsWhatWasFlushedAndNeverShowsGarbage) {
  overlay_ = open_overlay(base_, path_);
  for (int i = 0; i < 120; i++) dice_.chance(25) ? flush() : change();
  watched_.reset();
  ASSERT_GT(flushes_.size(), 10u);
  const std::string after = folder_ / "after";
  for (int i = 0; i < 600; i++) {
    const size_t end = dice_.below(calls_.size() + 1);
    const Bytes file = file_after(end);
    std::filesystem::remove(after);
    write_at(open_file(after, O_WRONLY | O_CREAT, "IO").get(), file, 0, "IO", after);
    const Bytes found = all_of(*open_overlay(base_, after));
    size_t least = 0;
    for (const Flush& it : flushes_)
      if (it.end <= end) least = it.change - 1;
    for (uint64_t at = 0; at < kSize; at += kGrain) {
      const auto from = static_cast<ptrdiff_t>(at), length = static_cast<ptrdiff_t>(std::min(kGrain, kSize - at));
      bool known = false;
      for (size_t j = least; j < changes_.size() && (j == least || changes_[j].call < end); j++)
        known = known || std::equal(found.begin() + from, found.begin() + from + length, changes_[j].disk.begin() + from);
      ASSERT_TRUE(known) << "at " << at << ", power lost at call " << end << " of " << calls_.size();
    }
  }
}

TEST(Overlay, ServesManyThreads) {
  constexpr uint64_t kThreads = 5, kShare = 200'000;
  Dice dice(390);
  TempFolder folder;
  const auto base = std::make_shared<MemoryContent>(random_disk(dice, kThreads * kShare));
  make_overlay(folder / "overlay", base->size());
  const auto overlay = open_overlay(base, folder / "overlay");
  // Each has a share that only it writes; shares begin within grains.
  Bytes model = base->bytes();
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kThreads; i++)
    threads.emplace_back([&, i] {
      Dice own(391 + i);
      for (int round = 0; round < 150; round++) {
        const auto [within, length] = random_part(own, kShare, 30'000);
        const uint64_t offset = i * kShare + within;
        const auto mine = model.begin() + static_cast<ptrdiff_t>(offset);
        if (own.chance(40)) {
          const Bytes bytes = own.bytes(length);
          overlay->write(offset, bytes);
          std::copy(bytes.begin(), bytes.end(), mine);
        } else if (own.chance(20)) {
          overlay->zero(offset, length);
          std::fill_n(mine, length, 0);
        } else if (own.chance(10)) {
          overlay->flush();
        } else if (own.chance(10)) {
          overlay->run_at(offset);
          overlay->written();
        } else {
          Bytes out(length);
          Stream stream;
          overlay->read(stream, offset, out);
          ASSERT_TRUE(std::equal(out.begin(), out.end(), mine)) << offset << "+" << length;
        }
      }
    });
  for (std::thread& it : threads) it.join();
  EXPECT_TRUE(all_of(*overlay) == model);
  overlay->flush();
  EXPECT_TRUE(all_of(*open_overlay(base, folder / "overlay")) == model);
}

TEST(Overlay, AReadSeesAWriteWholeOrNotAtAll) {
  constexpr uint64_t kFrom = 3000, kLength = 50'000;
  TempFolder folder;
  const auto base = std::make_shared<MemoryContent>(Bytes(60'000, 7));
  make_overlay(folder / "overlay", base->size());
  const auto overlay = open_overlay(base, folder / "overlay");
  std::atomic<int> writers{2};
  std::vector<std::thread> threads;
  for (uint8_t i = 0; i < 2; i++)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 150; round++) overlay->write(kFrom, Bytes(kLength, static_cast<uint8_t>(round * 2 + i)));
      writers--;
    });
  for (int i = 0; i < 4; i++)
    threads.emplace_back([&] {
      Bytes out(kLength);
      Stream stream;
      while (writers > 0) {
        overlay->read(stream, kFrom, out);
        ASSERT_TRUE(std::all_of(out.begin(), out.end(), [&](uint8_t byte) { return byte == out[0]; }));
      }
    });
  for (std::thread& it : threads) it.join();
}

class BrokenOverlay : public testing::Test {
 protected:
  void SetUp() override {
    base_ = std::make_shared<MemoryContent>(dice_.bytes(100'000));
    model_ = base_->bytes();
    make_overlay(path_, model_.size());
    overlay_ = open_overlay(base_, path_);
  }
  std::string write(uint64_t offset, const Bytes& bytes) {
    return code_of([&] { overlay_->write(offset, bytes); });
  }
  std::string flush() {
    return code_of([&] { overlay_->flush(); });
  }

  Dice dice_{400};
  TempFolder folder_;
  const std::string path_ = folder_ / "overlay";
  std::shared_ptr<MemoryContent> base_;
  std::shared_ptr<Overlay> overlay_;
  Bytes model_;
};

// What a failed write was to change may be changed in part; nothing else is.
TEST_F(BrokenOverlay, AFailedWriteHarmsNoOther) {
  for (int i = 0; i < 200; i++) {
    const auto [offset, length] = random_part(dice_, model_.size(), 20'000);
    const Bytes bytes = dice_.bytes(length);
    int calls = 0;
    const int fails_at = static_cast<int>(dice_.below(4));
    {
      SystemCalls faults;
      faults.write = [&](int, View, uint64_t) { return calls++ == fails_at ? ENOSPC : 0; };
      const WatchedCalls watched(faults);
      int system = 0;
      try {
        overlay_->write(offset, bytes);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), "OVERLAY_WRITE");
        EXPECT_EQ(error.path(), path_);
        system = error.system();
      }
      ASSERT_EQ(system, calls > fails_at ? ENOSPC : 0);
      if (system == 0) std::copy(bytes.begin(), bytes.end(), model_.begin() + static_cast<ptrdiff_t>(offset));
    }
    ASSERT_TRUE(all_of(*overlay_) == model_);
  }
}

TEST_F(BrokenOverlay, AFullDiskSaysSo) {
  const uint64_t data = place_in(path_, model_.size()).data_offset;
  {
    const SmallFiles limit(data + 50'000);
    EXPECT_EQ(write(10'000, Bytes(1000, 1)), "no error");
    EXPECT_EQ(write(60'000, Bytes(1000, 1)), "OVERLAY_WRITE");
    EXPECT_EQ(write(45'000, Bytes(10'000, 1)), "OVERLAY_WRITE") << "in part";
    EXPECT_EQ(flush(), "no error");
  }
  EXPECT_EQ(write(60'000, Bytes(1000, 1)), "no error");
  std::fill_n(model_.begin() + 10'000, 1000, 1);
  std::fill_n(model_.begin() + 60'000, 1000, 1);
  Bytes found = all_of(*overlay_);
  // Of a grain that was to be written in part only the rest is promised.
  EXPECT_TRUE(std::equal(found.begin(), found.begin() + 45'000, model_.begin()));
  EXPECT_TRUE(std::equal(found.begin() + 55'000, found.end(), model_.begin() + 55'000));

  const TinyFolder tiny(64 << 10);
  if (!tiny) GTEST_SKIP() << "a small file system takes root";
  make_overlay(tiny / "overlay", model_.size());
  overlay_ = open_overlay(base_, tiny / "overlay");
  int system = 0;
  uint64_t at = 0;
  try {
    for (; at < model_.size(); at += 4096) overlay_->write(at, Bytes(std::min<uint64_t>(4096, model_.size() - at), 9));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "OVERLAY_WRITE");
    system = error.system();
  }
  EXPECT_EQ(system, ENOSPC);
  EXPECT_GT(at, 4096u);
  found = all_of(*overlay_);
  EXPECT_TRUE(std::all_of(found.begin(), found.begin() + static_cast<ptrdiff_t>(at), [](uint8_t byte) { return byte == 9; }));
  EXPECT_TRUE(std::equal(found.begin() + static_cast<ptrdiff_t>(at), found.end(), base_->bytes().begin() + static_cast<ptrdiff_t>(at)));
  // What is thrown away makes room.
  overlay_->zero(0, at);
  EXPECT_EQ(write(at, Bytes(4096, 9)), "no error");
  EXPECT_EQ(flush(), "no error");
}

// The kernel tells of a failed sync once, and then takes what it could not write for written.
TEST_F(BrokenOverlay, AFlushThatCouldNotSyncFailsEverAfter) {
  write(0, Bytes(10, 1));
  {
    SystemCalls faults;
    faults.sync = [](int) { return EIO; };
    const WatchedCalls watched(faults);
    EXPECT_EQ(flush(), "OVERLAY_WRITE");
  }
  EXPECT_EQ(flush(), "OVERLAY_WRITE");
  EXPECT_TRUE(open_overlay(base_, path_)->written().empty()) << "no bit stands for what may be lost";
}

TEST_F(BrokenOverlay, AFlushWithoutRoomForItsBitsIsTriedAgain) {
  write(0, Bytes(10, 1));
  {
    SystemCalls faults;
    faults.write = [](int, View, uint64_t) { return ENOSPC; };
    const WatchedCalls watched(faults);
    EXPECT_EQ(flush(), "OVERLAY_WRITE");
  }
  EXPECT_TRUE(open_overlay(base_, path_)->written().empty());
  EXPECT_EQ(flush(), "no error");
  EXPECT_EQ(open_overlay(base_, path_)->written().size(), 1u);
}

TEST_F(BrokenOverlay, ADamagedBaseHarmsOnlyWhatNeedsIt) {
  base_->bad_from = 40'960;
  base_->bad_until = 45'056;
  const auto read = [&](uint64_t offset, size_t length) {
    Bytes out(length);
    Stream stream;
    return code_of([&] { overlay_->read(stream, offset, out); });
  };
  EXPECT_EQ(read(40'000, 1000), "FRAME_DAMAGED");
  EXPECT_EQ(read(40'000, 960), "no error");
  EXPECT_EQ(write(41'000, Bytes(100)), "FRAME_DAMAGED") << "the rest of the grain is not known";
  EXPECT_TRUE(overlay_->written().empty());
  EXPECT_EQ(write(40'960, Bytes(4096)), "no error");
  EXPECT_EQ(read(0, 100'000), "no error") << "it is written over";
}

TEST_F(BrokenOverlay, SaysWhenItCannotBeRead) {
  write(0, Bytes(5000, 1));
  const BadMedium broken([](int, off_t, size_t) { return EIO; });
  EXPECT_EQ(code_of([&] { all_of(*overlay_); }), "OVERLAY_READ");
  EXPECT_EQ(code_of([&] { open_overlay(base_, path_); }), "OVERLAY_READ");
}

TEST_F(BrokenOverlay, OneThatWasCutShortIsNotOpened) {
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 1);
  EXPECT_EQ(code_of([&] { open_overlay(base_, path_); }), "OVERLAY_READ");
  const auto code = [&](uint64_t bits, uint64_t data) {
    return code_of([&] { Overlay(base_, OverlayPlace{path_, bits, data}, open_file(path_, O_RDWR, "IO")); });
  };
  EXPECT_EQ(code(4096, 4096), "NATIVE_ARGUMENT") << "its parts lie over each other";
  EXPECT_EQ(code(4096, 8191), "NATIVE_ARGUMENT") << "its data lies between pages";
}

// A content of zeros of any size.
class Nothing : public Content {
 public:
  explicit Nothing(uint64_t size) : size_(size) {}
  uint64_t size() const override { return size_; }
  void read(Stream&, uint64_t, std::span<uint8_t> out) override { std::fill(out.begin(), out.end(), 0); }
  Run run_at(uint64_t) override { return {size_, false}; }

 private:
  uint64_t size_;
};

// A file system is made on it, say: all is discarded, then a little is written.
TEST(Overlay, OfATiBTakesNoRoom) {
  constexpr uint64_t kSize = (uint64_t{1} << 40) + 512;
  TempFolder folder;
  const std::string path = folder / "overlay";
  const auto base = std::make_shared<Nothing>(kSize);
  make_overlay(path, kSize);
  const auto overlay = open_overlay(base, path);
  EXPECT_EQ(overlay->run_at(5).end, kSize);
  overlay->zero(100, kSize - 100);
  overlay->write(kSize - 700, Bytes(700, 1));
  overlay->write(uint64_t{1} << 39, Bytes(4096, 1));
  EXPECT_EQ(overlay->written(), (std::vector<std::pair<uint64_t, uint64_t>>{{0, kSize}}));
  std::vector<std::pair<uint64_t, bool>> runs;
  for (uint64_t at = 8192; at < kSize; at = runs.back().first) {
    const Content::Run run = overlay->run_at(at);
    runs.emplace_back(run.end, run.data);
  }
  ASSERT_EQ(runs.size(), 4u);
  EXPECT_EQ(runs[0], (std::pair(uint64_t{1} << 39, false)));
  EXPECT_TRUE(runs[1].second);
  EXPECT_EQ(runs[3], (std::pair(kSize, true)));
  overlay->flush();
  struct stat facts;
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_LT(facts.st_blocks * 512, 40 << 20) << "its bits, 32 MiB, and little more";
  Bytes last(1);
  Stream stream;
  overlay->read(stream, kSize - 1, last);
  EXPECT_EQ(last[0], 1);
}

TEST(Overlay, MayLieOnAnother) {
  Dice dice(401);
  TempFolder folder;
  const auto base = std::make_shared<MemoryContent>(random_disk(dice, 100'000));
  for (const char* name : {"lower", "upper"}) make_overlay(folder / name, base->size());
  const auto lower = open_overlay(base, folder / "lower"), upper = open_overlay(lower, folder / "upper");
  Bytes model = base->bytes();
  const Bytes a = dice.bytes(30'000), b = dice.bytes(30'000);
  lower->write(20'000, a);
  std::copy(a.begin(), a.end(), model.begin() + 20'000);
  const Bytes below = model;
  upper->write(35'000, b);
  std::copy(b.begin(), b.end(), model.begin() + 35'000);
  EXPECT_TRUE(all_of(*upper) == model);
  EXPECT_TRUE(all_of(*lower) == below);
}

TEST(Overlay, OfNothingIsEmpty) {
  TempFolder folder;
  const auto base = std::make_shared<MemoryContent>(Bytes());
  make_overlay(folder / "overlay", 0);
  const auto overlay = open_overlay(base, folder / "overlay");
  overlay->zero(0, 0);
  overlay->flush();
  EXPECT_TRUE(overlay->written().empty());
}

}  // namespace
}  // namespace strata::test
