// One page of each column written out byte by byte from docs/format.md: format 1 stays readable for ever.
#include <gtest/gtest.h>

#include "random_page.h"

namespace strata::test {
namespace {

const std::vector<Span> kSpans = {{1000, 2, Kind::data}, {1002, 200, Kind::zero}, {1300, 1, Kind::data}};
// The runs: how many; then gap, count, kind of each.
const Bytes kRuns = {3, 0, 0, 0, /**/ 0, 2, 2, /**/ 0, 0xC8, 0x01, 1, /**/ 98, 1, 2};

Bytes operator+(Bytes a, const Bytes& b) {
  put_bytes(a, b);
  return a;
}

TEST(GoldenPage, OfDigests) {
  BlockDigest one, two, three;
  one.digest.fill(0x11), two.digest.fill(0x22), three.digest.fill(0x33);
  one.quick.fill(0x44), two.quick.fill(0x55), three.quick.fill(0x66);
  const Page<BlockDigest> page{kSpans, {one, two, three}};
  const Bytes golden = kRuns + Bytes(32, 0x11) + Bytes(32, 0x22) + Bytes(32, 0x33) + Bytes(16, 0x44) + Bytes(16, 0x55) + Bytes(16, 0x66);
  EXPECT_EQ(encode_page(page), golden);
  EXPECT_EQ(decode_page<BlockDigest>(golden, 1000, 1301, 0), page);
}

TEST(GoldenPage, OfLocations) {
  const Page<Location> page{kSpans, {{1, 16, 300, 0x0807060504030201}, {1, 316, 80, 0x1817161514131211}, {0, 20, 4176, 0}}};
  const Bytes golden = kRuns                                        //
                       + Bytes{2, 0, 1}                             // packs: +1, +0, -1
                       + Bytes{0, 0, 8}                             // offsets: as expected (16), as expected (316), 4 behind 16
                       + Bytes{0xAC, 0x02, 80, 0xD0, 0x20}          // lengths
                       + Bytes{1, 2, 3, 4, 5, 6, 7, 8}              // checks
                       + Bytes{0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18} + Bytes(8, 0);
  EXPECT_EQ(encode_page(page), golden);
  EXPECT_EQ(decode_page<Location>(golden, 1000, 1301, 2), page);
}

}  // namespace
}  // namespace strata::test
