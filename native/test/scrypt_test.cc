// The vectors of RFC 7914, section 12.
#include "scrypt.h"

#include <gtest/gtest.h>

#include "code_of.h"

namespace strata::test {
namespace {

View text(std::string_view it) { return {reinterpret_cast<const uint8_t*>(it.data()), it.size()}; }

std::string derived(std::string_view passphrase, std::string_view salt, const ScryptCost& cost) {
  std::array<uint8_t, 64> out;
  scrypt(text(passphrase), text(salt), cost, out);
  return hex(out);
}

TEST(Scrypt, is_that_of_the_rfc) {
  EXPECT_EQ(derived("", "", {16, 1, 1}),
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
  EXPECT_EQ(derived("password", "NaCl", {1024, 8, 16}),
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
  EXPECT_EQ(derived("pleaseletmein", "SodiumChloride", {16384, 8, 1}),
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
}

TEST(Scrypt, takes_no_costs_that_it_does_not_know) {
  std::array<uint8_t, 32> out;
  for (const ScryptCost& cost : {ScryptCost{0, 8, 1}, ScryptCost{1000, 8, 1}, ScryptCost{1024, 0, 1}, ScryptCost{1024, 8, 0}})
    EXPECT_EQ(code_of([&] { scrypt(text("a"), text("b"), cost, out); }), "NATIVE_ARGUMENT");
}

}  // namespace
}  // namespace strata::test
