// Bytes that are no frame, or nearly one: they are refused, and nothing else happens (the sanitizers watch).
#include <gtest/gtest.h>

#include "code_of.h"
#include "crc32.h"
#include "dice.h"
#include "sample_vault.h"

namespace strata::test {
namespace {

void correct_check_sum(Bytes& frame) {
  const uint32_t crc = crc32(View(frame).first(76));
  memcpy(frame.data() + 76, &crc, sizeof crc);
}

TEST(FrameFuzz, HeadersWithARightCheckSumAndAnyFields) {
  Dice dice(2);
  FrameCodec codec(sample_vault(false));
  Bytes frame, out;
  const Bytes raw(300, 'r');
  codec.seal(FrameType::block, {}, raw, codec.digest(FrameType::block, raw), 1, frame);
  size_t headers = 0;
  for (int i = 0; i < 200'000; i++) {
    Bytes changed = frame;
    for (uint64_t changes = dice.between(1, 3); changes > 0; changes--) changed[dice.below(changed.size())] = static_cast<uint8_t>(dice.next());
    correct_check_sum(changed);
    const auto header = parse_frame_header(changed);
    if (!header) continue;
    headers++;
    ASSERT_LE(header->raw_length, kMaxRaw);
    ASSERT_LE(header->payload_length, header->raw_length);
    // Lengths of a quarter gigabyte are allowed; to reserve them each time would only make the test slow.
    if (header->raw_length > 1 << 20) continue;
    const std::string code = code_of([&] { codec.open(FrameType::block, {}, changed, out, Check::digest); });
    ASSERT_TRUE(code == "no error" ? out == raw : code == "FRAME_DAMAGED") << code;
  }
  EXPECT_GT(headers, 1000u) << "the changes must often leave a header";
}

TEST(FrameFuzz, RandomBytes) {
  Dice dice(3);
  for (int i = 0; i < 100'000; i++) {
    Bytes any = dice.bytes(dice.below(100));
    if (any.size() >= 5 && dice.chance(50)) memcpy(any.data(), "SFRM\1", 5);
    ASSERT_FALSE(parse_frame_header(any));
  }
}

}  // namespace
}  // namespace strata::test
