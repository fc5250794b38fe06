#include "read_range.h"

#include "code_of.h"
#include "random_disk.h"
#include "small_repository.h"

namespace strata::test {
namespace {

TEST(ReadRange, GivesAnyPartOfADisk) {
  Dice dice(200);
  SmallRepository repo;
  Bytes disk = random_disk(dice, 700'001);
  repo.backup(disk);
  change(dice, disk);
  disk.resize(650'001);
  repo.backup(disk);
  const auto read = [&](uint64_t offset, uint64_t length) { return read_range(repo.vault, repo.chain, repo.packs(), repo.block_size, offset, length); };
  for (int i = 0; i < 300; i++) {
    const uint64_t offset = dice.below(disk.size() + 5000), length = dice.below(dice.chance(50) ? 600 : 40'000);
    Bytes expected(length);  // zeros past its end
    for (uint64_t at = offset; at < std::min<uint64_t>(offset + length, disk.size()); at++) expected[at - offset] = disk[at];
    ASSERT_TRUE(read(offset, length) == expected) << offset << "+" << length;
  }
  EXPECT_TRUE(read(0, disk.size()) == disk);
  std::filesystem::remove_all(repo.packs());
  EXPECT_EQ(code_of([&] { read(0, disk.size()); }), "PACK_MISSING");
}

}  // namespace
}  // namespace strata::test
