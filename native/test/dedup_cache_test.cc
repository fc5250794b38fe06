// A damaged cache costs time, never content: a digest is found where it is, or not at all.
#include <gtest/gtest.h>

#include "code_of.h"
#include "dedup_packs.h"

namespace strata::test {
namespace {

class DedupCache : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3; i++) packs_.add_pack(800);
    packs_.open();
    size_ = std::filesystem::file_size(packs_.cache());
    whole_.resize(size_);
    put_back_ = open_file(packs_.cache(), O_RDWR, "IO");
    read_exact(put_back_.get(), whole_, 0, "IO", "");
  }

  void put(View bytes) {
    std::filesystem::remove(packs_.cache());
    write_at(open_file(packs_.cache(), O_WRONLY | O_CREAT, "IO").get(), bytes, 0, "IO", "");
  }

  DedupPacks packs_{60};
  Bytes whole_;
  Fd put_back_;
  size_t size_ = 0;
};

TEST_F(DedupCache, IsMadeAnewWhenAnyByteOfItIsChanged) {
  Dice dice(61);
  for (int i = 0; i < 120; i++) {
    Bytes changed = whole_;
    // Every byte of the head and the table of packs, then anywhere.
    changed[i < 80 ? static_cast<size_t>(i) : dice.below(size_)] ^= static_cast<uint8_t>(dice.between(1, 255));
    put(changed);
    const auto tally = packs_.ask(*packs_.open());
    ASSERT_EQ(tally.wrong, 0u) << i;
    ASSERT_EQ(tally.missed, 0u) << i;
  }
}

TEST_F(DedupCache, IsMadeAnewWhenItIsCutOffOrOfAnotherProgram) {
  Dice dice(62);
  for (int i = 0; i < 40; i++) {
    const size_t size = dice.below(size_ + 1);
    put(i % 2 == 0 ? Bytes(whole_.begin(), whole_.begin() + static_cast<ptrdiff_t>(size)) : dice.bytes(size));
    const auto tally = packs_.ask(*packs_.open());
    ASSERT_EQ(tally.wrong + tally.missed, 0u) << size;
  }
}

// The file rots while it is in use: what is hit is not found, or the run ends; a wrong place is never given.
TEST_F(DedupCache, ThatChangesWhileInUseGivesNoWrongPlace) {
  const auto index = packs_.open();
  Fd file = open_file(packs_.cache(), O_RDWR, "IO");
  Dice dice(63);
  size_t missed = 0;
  for (int i = 0; i < 100; i++) {
    for (int bytes = 0; bytes < 20; bytes++) {
      const auto garbage = static_cast<uint8_t>(dice.next());
      write_at(file.get(), {&garbage, 1}, dice.below(size_), "IO", "");
    }
    const auto tally = packs_.ask(*index);
    ASSERT_EQ(tally.wrong, 0u);
    missed = tally.missed;
  }
  EXPECT_GT(missed, 0u) << "it was hit at all";
}

}  // namespace
}  // namespace strata::test
