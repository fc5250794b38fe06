// Frames made from docs/format.md alone, by another program, under the master key 00 01 … 1f: format 1 stays readable for ever.
#include <gtest/gtest.h>

#include "sample_vault.h"

namespace strata::test {
namespace {

Bytes from_hex(const std::string& digits) {
  Bytes out(digits.size() / 2);
  unhex(digits, out);
  return out;
}

// Header fields up to the digest, nonce, tag, check sum, payload.
const std::string kPlain =
    "5346524d01010000060000000600000049e8a6fd285c04197b6143d9575092492e430bf09cf329c4fe5033a3eb25e525"
    "000000000000000000000000" "00000000000000000000000000000000" "012242ab" "537472617461";

TEST(GoldenFrame, PlainBlock) {
  FrameCodec codec(sample_vault(false));
  const Bytes golden = from_hex(kPlain);
  Bytes raw, frame;
  codec.open(FrameType::block, {}, golden, raw, Check::digest);
  EXPECT_EQ(std::string(raw.begin(), raw.end()), "Strata");
  codec.seal(FrameType::block, {}, raw, codec.digest(FrameType::block, raw), 1, frame);
  EXPECT_EQ(hex(frame), kPlain);
}

TEST(GoldenFrame, QuickCheckOfABlock) {
  FrameCodec codec(sample_vault(true));
  for (int again = 0; again < 2; again++) EXPECT_EQ(hex(codec.quick_check(view("Strata"))), "5fa49d924cce5a233c357bacddc6599f");
}

TEST(GoldenFrame, SealedRecord) {
  FrameCodec codec(sample_vault(true));
  const Bytes golden = from_hex(
      "5346524d010600010600000006000000cc4d6434ecfff749e13f7a8a7e4c4d516e5385b48b800a2dcaaf2cd0930acfd8"
      "000102030405060708090a0b" "aa44864c671415690a0900601b570fcd" "1c29dbb1" "dc34d1c9ac7c");
  Bytes raw;
  codec.open(FrameType::record, view("points/5f0c"), golden, raw, Check::digest);
  EXPECT_EQ(std::string(raw.begin(), raw.end()), "Strata");
}

}  // namespace
}  // namespace strata::test
