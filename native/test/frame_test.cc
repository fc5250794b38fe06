#include "frame.h"

#include <gtest/gtest.h>

#include "code_of.h"
#include "dice.h"
#include "sample_vault.h"

namespace strata::test {
namespace {

constexpr int kLevel = 1;

Bytes sealed_frame(FrameCodec& codec, FrameType type, View context, View raw) {
  Bytes out;
  const size_t length = codec.seal(type, context, raw, codec.digest(type, raw), kLevel, out);
  EXPECT_EQ(length, out.size());
  return out;
}

// What opening it says: "no error" or a code.
std::string opening(FrameCodec& codec, FrameType type, View context, View frame, Check check = Check::digest) {
  return code_of([&] {
    Bytes out;
    codec.open(type, context, frame, out, check);
  });
}

// Half random and half not, so that it is compressed and no byte of it is for nothing.
Bytes compressible(Dice& dice, size_t size) {
  Bytes out = dice.bytes(size);
  std::fill(out.begin() + static_cast<ptrdiff_t>(size / 2), out.end(), 'x');
  return out;
}

class Frame : public testing::TestWithParam<bool> {
 protected:
  FrameCodec codec_{sample_vault(GetParam())};
  Dice dice_{1};
};
INSTANTIATE_TEST_SUITE_P(, Frame, testing::Bool(), [](const auto& sealed) { return sealed.param ? "Sealed" : "Plain"; });

TEST_P(Frame, GivesBackWhatWasPutIn) {
  for (size_t type = 1; type <= kFrameTypes; type++)
    for (const size_t size : {0, 1, 15, 16, 31, 80, 4096, 65536, 1 << 20})
      for (const Bytes& raw : {dice_.bytes(size), compressible(dice_, size), Bytes(size)}) {
        const auto kind = static_cast<FrameType>(type);
        const Bytes frame = sealed_frame(codec_, kind, view("a name"), raw);
        Bytes out;
        const FrameHeader header = codec_.open(kind, view("a name"), frame, out, Check::digest);
        EXPECT_EQ(out, raw);
        EXPECT_EQ(header.digest, codec_.digest(kind, raw));
        EXPECT_EQ(header.whole(), frame.size());
        EXPECT_LE(frame.size(), kFrameHeader + size) << "a frame never grows beyond its content";
      }
}

TEST_P(Frame, StoresWhatDoesNotShrinkAsItIs) {
  EXPECT_EQ(sealed_frame(codec_, FrameType::block, {}, dice_.bytes(4096)).size(), kFrameHeader + 4096);
  EXPECT_LT(sealed_frame(codec_, FrameType::block, {}, compressible(dice_, 4096)).size(), kFrameHeader + 2200);
}

TEST_P(Frame, StandsBehindWhatTheBufferHolds) {
  Bytes out = {1, 2, 3};
  const Bytes raw = dice_.bytes(100);
  const size_t length = codec_.seal(FrameType::record, {}, raw, codec_.digest(FrameType::record, raw), kLevel, out);
  ASSERT_EQ(out.size(), 3 + length);
  EXPECT_EQ(opening(codec_, FrameType::record, {}, View(out).subspan(3)), "no error");
}

TEST_P(Frame, IsRefusedWithAnyByteMissingOrMore) {
  Bytes frame = sealed_frame(codec_, FrameType::block, {}, compressible(dice_, 200));
  for (size_t size = 0; size < frame.size(); size++) EXPECT_EQ(opening(codec_, FrameType::block, {}, View(frame).first(size)), "FRAME_DAMAGED");
  frame.push_back(0);
  EXPECT_EQ(opening(codec_, FrameType::block, {}, frame), "FRAME_DAMAGED");
}

TEST_P(Frame, IsRefusedAsAnotherType) {
  const Bytes frame = sealed_frame(codec_, FrameType::location, {}, dice_.bytes(100));
  for (size_t type = 1; type <= kFrameTypes; type++)
    EXPECT_EQ(opening(codec_, static_cast<FrameType>(type), {}, frame), type == 2 ? "no error" : "FRAME_DAMAGED");
}

TEST_P(Frame, OfAnotherRepositoryIsRefused) {
  FrameCodec other(sample_vault(GetParam(), 1));
  const Bytes frame = sealed_frame(other, FrameType::record, view("points/1"), dice_.bytes(100));
  EXPECT_EQ(opening(codec_, FrameType::record, view("points/1"), frame), "FRAME_DAMAGED");
}

// Sealed, every bit counts. Unsealed, a few bits of a zstd stream mean nothing; then the content is the same.
TEST_P(Frame, IsRefusedWithAnyBitFlipped) {
  for (const Bytes& raw : {dice_.bytes(150), compressible(dice_, 400), Bytes()}) {
    Bytes frame = sealed_frame(codec_, FrameType::block, view("a name"), raw);
    size_t passed = 0;
    for (size_t bit = 0; bit < frame.size() * 8; bit++) {
      const auto flip = static_cast<uint8_t>(1 << bit % 8);
      frame[bit / 8] ^= flip;
      for (const Check check : {Check::fast, Check::digest}) {
        Bytes out;
        if (code_of([&] { codec_.open(FrameType::block, view("a name"), frame, out, check); }) != "FRAME_DAMAGED") {
          passed++;
          EXPECT_EQ(out, raw) << "bit " << bit;
          EXPECT_GE(bit / 8, kFrameHeader) << "bit " << bit;
        }
      }
      frame[bit / 8] ^= flip;
    }
    EXPECT_LE(passed, GetParam() ? 0u : 10u);
  }
}

TEST(SealedFrame, HoldsTheLargestContentAndNoMore) {
  FrameCodec codec(sample_vault(true));
  const Bytes raw(kMaxRaw);
  const Digest digest{};  // not computed: the seal is checked, and only that is asked here
  Bytes frame, out;
  codec.seal(FrameType::map_index, {}, raw, digest, kLevel, frame);
  codec.open(FrameType::map_index, {}, frame, out, Check::fast);
  EXPECT_EQ(out.size(), raw.size());
  EXPECT_EQ(code_of([&] { codec.seal(FrameType::map_index, {}, Bytes(kMaxRaw + 1), digest, kLevel, frame); }), "NATIVE_ARGUMENT");
}

TEST(SealedFrame, IsBoundToItsContext) {
  FrameCodec codec(sample_vault(true));
  const Bytes frame = sealed_frame(codec, FrameType::record, view("points/5f0c"), view("content"));
  EXPECT_EQ(opening(codec, FrameType::record, view("points/5f0c"), frame), "no error");
  for (const char* name : {"points/5f0d", "points/5f0", "marks/5f0c", ""})
    EXPECT_EQ(opening(codec, FrameType::record, view(name), frame, Check::fast), "FRAME_DAMAGED") << name;
}

TEST(SealedFrame, DiffersEachTime) {
  FrameCodec codec(sample_vault(true));
  const Bytes raw(64, 'a');
  EXPECT_NE(sealed_frame(codec, FrameType::block, {}, raw), sealed_frame(codec, FrameType::block, {}, raw));
}

TEST(SealedRepository, TakesNoUnsealedFrame) {
  FrameCodec sealed(sample_vault(true)), plain(sample_vault(false));
  const Bytes raw(64, 'a');
  EXPECT_EQ(opening(sealed, FrameType::block, {}, sealed_frame(plain, FrameType::block, {}, raw)), "FRAME_DAMAGED");
  EXPECT_EQ(opening(plain, FrameType::block, {}, sealed_frame(sealed, FrameType::block, {}, raw)), "FRAME_DAMAGED");
}

TEST(UnsealedFrame, WithAnotherContentIsRefused) {
  FrameCodec codec(sample_vault(false));
  Bytes frame;
  codec.seal(FrameType::block, {}, view("content"), codec.digest(FrameType::block, view("another")), kLevel, frame);
  EXPECT_EQ(opening(codec, FrameType::block, {}, frame, Check::fast), "FRAME_DAMAGED");
}

TEST(SealedFrame, WithAnotherDigestIsFoundByComputingIt) {
  FrameCodec codec(sample_vault(true));
  Bytes frame;
  codec.seal(FrameType::block, {}, view("content"), codec.digest(FrameType::block, view("another")), kLevel, frame);
  EXPECT_EQ(opening(codec, FrameType::block, {}, frame, Check::digest), "FRAME_DAMAGED");
}

}  // namespace
}  // namespace strata::test
