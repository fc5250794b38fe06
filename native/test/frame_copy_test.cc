// Frames copied from packs to packs: the right ones, in order, and never a wrong one.
#include "frame_copy.h"

#include <gtest/gtest.h>

#include "code_of.h"
#include "dice.h"
#include "sample_vault.h"
#include "system_calls.h"
#include "temp_folder.h"

namespace strata::test {
namespace {

// Packs with frames of random content, in a folder as repositories have it.
class FrameCopies : public testing::TestWithParam<bool> {
 protected:
  FrameCopies() : vault_(sample_vault(GetParam())), codec_(vault_) {
    for (uint8_t number = 0; number < 4; number++) {
      PackId id{};
      id[15] = number;
      std::filesystem::create_directories(folder_ / ("packs/" + hex({&number, 1})));
      PackWriter pack(path(id), id);
      for (int i = 0; i < 40; i++) {
        const Bytes raw = dice_.bytes(dice_.between(1, dice_.chance(20) ? 90'000 : 3000));
        const Digest digest = codec_.digest(FrameType::block, raw);
        Bytes frame;
        codec_.seal(FrameType::block, {}, raw, digest, 1, frame);
        const uint32_t offset = pack.append(frame, digest, static_cast<uint32_t>(raw.size()));
        frames_.push_back({id, offset, static_cast<uint32_t>(frame.size()), check_of(digest)});
        raws_.push_back(raw);
      }
      pack.finish(codec_);
    }
    std::filesystem::create_directory(folder_ / "spool");
  }

  static uint64_t check_of(const Digest& digest) {
    uint64_t out;
    memcpy(&out, digest.data(), sizeof out);
    return out;
  }
  std::string path(const PackId& id) const { return PackFolder(folder_ / "packs").path(id); }

  // The frames of these numbers, copied; what was made is in made_.
  struct Copied {
    std::vector<FramePlace> places;
    uint64_t cloned, copied;
  };
  Copied copy(std::span<const size_t> numbers, Clone clone = Clone::automatic, uint64_t pack_size = 1 << 20) {
    std::vector<FrameRef> wanted;
    for (const size_t number : numbers) wanted.push_back(frames_[number]);
    return copy_frames(wanted, clone, pack_size);
  }
  Copied copy_frames(const std::vector<FrameRef>& wanted, Clone clone = Clone::automatic, uint64_t pack_size = 1 << 20) {
    made_.clear();
    RunId run{};
    runs_++;
    memcpy(run.data(), &runs_, sizeof runs_);
    Control control;
    PackStream* giving = nullptr;
    PackStream packs({folder_ / "spool", run, pack_size}, control, [&](const FinishedPack& pack) {
      made_.push_back(pack);
      giving->stored();
    });
    giving = &packs;
    FrameCopy frames(vault_, folder_ / "packs", packs, clone, control);
    Copied out;
    packs.run([&] {
      EXPECT_TRUE(frames.copy(wanted, out.places));
      packs.give_out(codec_);
    });
    out.cloned = frames.bytes_cloned();
    out.copied = frames.bytes_copied();
    return out;
  }

  std::vector<size_t> all() const {
    std::vector<size_t> out(frames_.size());
    std::iota(out.begin(), out.end(), 0);
    return out;
  }

  // Each frame opens at its new place and is named there by the pack's index; nothing but zeros stands between frames.
  void expect_copied(std::span<const size_t> numbers, const Copied& copied) {
    ASSERT_EQ(copied.places.size(), numbers.size());
    size_t next = 0;
    uint64_t bytes = 0;
    for (const FinishedPack& made : made_) {
      const auto index = read_pack_index(codec_, *open_pack_file(made.path), made.id);
      ASSERT_EQ(index.size(), made.frames);
      Bytes content(made.bytes);
      read_exact(open_file(made.path, O_RDONLY, "IO").get(), content, 0, "IO", made.path);
      size_t at = kPackStart;
      for (const PackedFrame& it : index) {
        ASSERT_LT(next, numbers.size());
        const FramePlace& place = copied.places[next];
        const Bytes& raw = raws_[numbers[next]];
        EXPECT_EQ(place.pack, made.id);
        EXPECT_EQ(place.offset, it.offset);
        EXPECT_EQ(place.length, it.length);
        EXPECT_EQ(it.raw_length, raw.size());
        for (; at < it.offset; at++) ASSERT_EQ(content[at], 0);
        Bytes opened;
        EXPECT_EQ(codec_.open(FrameType::block, {}, View(content).subspan(it.offset, it.length), opened, Check::digest).digest, it.digest);
        EXPECT_TRUE(opened == raw);
        at += it.length;
        bytes += it.length;
        next++;
      }
    }
    EXPECT_EQ(next, numbers.size());
    EXPECT_EQ(copied.cloned + copied.copied, bytes);
  }

  TempFolder folder_;
  Dice dice_{370};
  std::shared_ptr<const Vault> vault_;
  FrameCodec codec_;
  std::vector<FrameRef> frames_;
  std::vector<Bytes> raws_;
  std::vector<FinishedPack> made_;
  uint32_t runs_ = 0;
};
INSTANTIATE_TEST_SUITE_P(, FrameCopies, testing::Bool(), [](const auto& sealed) { return sealed.param ? "Sealed" : "Plain"; });

TEST_P(FrameCopies, AreTheFramesInTheOrderGiven) {
  for (const Clone clone : {Clone::automatic, Clone::never}) {
    expect_copied(all(), copy(all(), clone));
    for (int i = 0; i < 10; i++) {
      std::vector<size_t> numbers;
      while (numbers.size() < 60) {
        // Runs of neighbours, single ones, and some twice.
        size_t at = dice_.below(frames_.size());
        for (uint64_t run = dice_.between(1, 8); run > 0 && at < frames_.size(); run--) numbers.push_back(at++);
      }
      expect_copied(numbers, copy(numbers, clone, dice_.chance(50) ? 1 << 20 : dice_.between(1, 100'000)));
    }
    expect_copied({}, copy({}, clone));
  }
}

TEST_P(FrameCopies, StandAsCloselyWhereNothingIsShared) {
  const Copied copied = copy(all(), Clone::never, 8 << 20);
  ASSERT_EQ(made_.size(), 1u);
  for (size_t i = 1; i < copied.places.size(); i++) EXPECT_EQ(copied.places[i].offset, copied.places[i - 1].offset + copied.places[i - 1].length);
}

// Where the kernel copies nothing, or stops half-way, it is read and written.
TEST_P(FrameCopies, AreReadAndWrittenWhenTheKernelRefuses) {
  for (const int error : {EXDEV, EOPNOTSUPP, EINVAL, ENOSYS, EPERM}) {
    for (const int after : {0, 1}) {
      int calls = 0;
      SystemCalls refusing;
      refusing.clone = [&](int) { return error; };
      refusing.copy = [&](int) { return calls++ < after ? 0 : error; };
      Copied copied;
      {
        const WatchedCalls watched(refusing);
        copied = copy(all());
      }
      EXPECT_GT(calls, 0);
      EXPECT_EQ(copied.cloned, 0u);
      expect_copied(all(), copied);
    }
  }
}

TEST_P(FrameCopies, AreReadAndWrittenWhenNothingMayBeShared) {
  SystemCalls watching;
  int calls = 0;
  watching.clone = watching.copy = [&](int) { return calls++, 0; };
  const WatchedCalls watched(watching);
  copy(all(), Clone::never);
  EXPECT_EQ(calls, 0);
}

TEST_P(FrameCopies, AFileSystemThatSharesNothingIsAnErrorWhenThatIsRequired) {
  SystemCalls refusing;
  refusing.clone = [](int) { return EOPNOTSUPP; };
  const WatchedCalls watched(refusing);
  EXPECT_EQ(code_of([&] { copy(all(), Clone::require); }), "CLONE_UNSUPPORTED");
  EXPECT_TRUE(made_.empty());
}

// A full or a broken disk is no reason to try otherwise.
TEST_P(FrameCopies, AFailureToShareIsAFailure) {
  for (const int error : {EIO, ENOSPC, EDQUOT}) {
    SystemCalls failing;
    failing.clone = [&](int) { return error; };
    const WatchedCalls watched(failing);
    EXPECT_EQ(code_of([&] { copy(all()); }), "SPOOL_WRITE");
  }
}

TEST_P(FrameCopies, AFrameThatIsNotTheOneMeantIsRefused) {
  const auto refusal = [&](const FrameRef& frame) { return code_of([&] { copy_frames({frames_[3], frame}); }); };
  FrameRef frame = frames_[10];
  EXPECT_EQ(refusal(frame), "no error");
  frame.check ^= 1;
  EXPECT_EQ(refusal(frame), "FRAME_DAMAGED");
  frame = frames_[10];
  frame.length++;
  EXPECT_EQ(refusal(frame), "FRAME_DAMAGED");
  frame = frames_[10];
  frame.offset++;
  EXPECT_EQ(refusal(frame), "FRAME_DAMAGED");
  frame = frames_[10];
  frame.pack[15] = 9;
  EXPECT_EQ(refusal(frame), "PACK_MISSING");
  frame = frames_[10];
  frame.offset = 100'000'000;
  EXPECT_EQ(refusal(frame), "PACK_READ");
}

TEST_P(FrameCopies, ADamagedHeaderIsRefusedAndItsPackNamed) {
  const FrameRef frame = frames_[50];
  const Fd fd = open_file(path(frame.pack), O_RDWR, "IO");
  for (size_t at = 0; at < kFrameHeader; at++) {
    uint8_t byte;
    read_exact(fd.get(), {&byte, 1}, frame.offset + at, "IO", "a pack");
    const uint8_t other = static_cast<uint8_t>(byte ^ (1 << dice_.below(8)));
    write_at(fd.get(), {&other, 1}, frame.offset + at, "IO", "a pack");
    try {
      copy_frames({frames_[49], frame, frames_[51]});
      ADD_FAILURE() << "a header damaged at " << at << " was copied";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "FRAME_DAMAGED");
      EXPECT_EQ(error.path(), path(frame.pack));
      EXPECT_NE(std::string(error.what()).find(hex(frame.pack)), std::string::npos);
    }
    EXPECT_TRUE(made_.empty()) << "no pack with it is given out";
    write_at(fd.get(), {&byte, 1}, frame.offset + at, "IO", "a pack");
  }
}

// A frame of the other kind of repository: whoever can write there could plant content.
TEST_P(FrameCopies, AFrameThatIsSealedOtherwiseIsRefused) {
  FrameCodec other(sample_vault(!GetParam()));
  const Bytes raw = dice_.bytes(2000);
  const Digest digest = other.digest(FrameType::block, raw);
  Bytes frame;
  other.seal(FrameType::block, {}, raw, digest, 1, frame);
  PackId id{};
  id[15] = 3;
  id[0] = 1;
  PackWriter pack(path(id), id);
  const uint32_t offset = pack.append(frame, digest, 2000);
  pack.finish(codec_);
  EXPECT_EQ(code_of([&] { copy_frames({{id, offset, static_cast<uint32_t>(frame.size()), check_of(digest)}}); }), "FRAME_DAMAGED");
}

TEST_P(FrameCopies, EndWhenToldTo) {
  Control control;
  PackStream packs({folder_ / "spool", RunId{}, 1 << 20}, control, [](const FinishedPack&) { FAIL(); });
  FrameCopy frames(vault_, folder_ / "packs", packs, Clone::automatic, control);
  control.cancel();
  std::vector<FramePlace> places;
  EXPECT_FALSE(frames.copy(frames_, places));
  EXPECT_TRUE(places.empty());
}

}  // namespace
}  // namespace strata::test
