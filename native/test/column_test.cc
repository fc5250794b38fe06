#include "column.h"

#include <gtest/gtest.h>

#include "code_of.h"
#include "dice.h"
#include "random_page.h"
#include "sample_vault.h"
#include "temp_folder.h"

namespace strata::test {
namespace {

constexpr uint32_t kPacks = 4;

template <typename Entry>
struct Named {
  uint64_t block;
  Kind kind;
  Entry entry;
};

// Writes random blocks (more than a page holds) and gives back what was written, block by block.
template <typename Entry>
WrittenColumn write_random(Dice& dice, const std::string& path, FrameCodec& codec, size_t blocks, std::vector<Named<Entry>>& out) {
  ColumnWriter<Entry> writer(path, codec);
  uint64_t at = dice.below(100);
  while (out.size() < blocks) {
    if (dice.chance(30)) at += dice.between(1, 1000);
    if (dice.chance(70)) {
      out.push_back({at, Kind::data, random_entry<Entry>(dice, kPacks)});
      writer.data(at++, out.back().entry);
    } else {
      const uint64_t count = dice.below(6);
      writer.zero(at, count);
      for (uint64_t i = 0; i < count; i++) out.push_back({at++, Kind::zero, {}});
    }
  }
  std::vector<PackId> packs;
  for (uint8_t i = 0; i < kPacks; i++) packs.push_back(PackId{i});
  return writer.finish(packs);
}

template <typename Entry>
class ColumnFile : public testing::Test {
 protected:
  TempFolder folder_;
  Dice dice_{30};
  FrameCodec codec_{sample_vault(true)};
};
using Columns = testing::Types<Location, BlockDigest>;
TYPED_TEST_SUITE(ColumnFile, Columns);

TYPED_TEST(ColumnFile, GivesBackWhatWasPutIn) {
  for (const size_t blocks : {0, 1, 900, 1023, 1024, 1025, 20'000}) {
    std::vector<Named<TypeParam>> named;
    const WrittenColumn written = write_random(this->dice_, this->folder_ / std::to_string(blocks), this->codec_, blocks, named);
    const Column<TypeParam> column(written, this->codec_);
    EXPECT_EQ(written.bytes, std::filesystem::file_size(written.path));
    EXPECT_EQ(column.packs().size(), kPacks);
    EXPECT_EQ(column.packs()[3], PackId{3});
    EXPECT_EQ(column.data_blocks(), std::count_if(named.begin(), named.end(), [](const auto& it) { return it.kind == Kind::data; }));
    EXPECT_EQ(column.data_blocks() + column.zero_blocks(), named.size());

    auto expected = named.begin();
    for (size_t number = 0; number < column.pages().size(); number++) {
      const Page<TypeParam> page = column.load(number, this->codec_);
      EXPECT_LE(page.weight(), kPageWeight);
      EXPECT_EQ(page.entries.size(), column.pages()[number].data_blocks);
      EXPECT_EQ(page.first(), column.pages()[number].first);
      EXPECT_EQ(page.end(), column.pages()[number].end);
      auto entry = page.entries.begin();
      for (const Span& span : page.spans)
        for (uint64_t block = span.start; block < span.end(); block++, expected++) {
          ASSERT_NE(expected, named.end());
          ASSERT_EQ(expected->block, block);
          ASSERT_EQ(expected->kind, span.kind);
          if (span.kind == Kind::zero) continue;
          ASSERT_TRUE(*entry++ == expected->entry);
        }
    }
    EXPECT_EQ(expected, named.end());
  }
}

TYPED_TEST(ColumnFile, OfManyZerosIsOneRun) {
  ColumnWriter<TypeParam> writer(this->folder_ / "zeros", this->codec_);
  for (uint64_t i = 0; i < 100'000; i++) writer.zero(i << 20, 1 << 20);
  const Column<TypeParam> column(writer.finish({}), this->codec_);
  ASSERT_EQ(column.pages().size(), 1u);
  EXPECT_EQ(column.zero_blocks(), uint64_t{100'000} << 20);
  EXPECT_EQ(column.load(0, this->codec_).spans.size(), 1u);
}

TYPED_TEST(ColumnFile, IsRefusedAsTheOtherColumnOrAsAnotherMap) {
  std::vector<Named<TypeParam>> named;
  WrittenColumn written = write_random(this->dice_, this->folder_ / "column", this->codec_, 100, named);
  using Other = std::conditional_t<std::is_same_v<TypeParam, BlockDigest>, Location, BlockDigest>;
  EXPECT_EQ(code_of([&] { Column<Other>(written, this->codec_); }), "MAP_DAMAGED");
  written.index_digest[5] ^= 1;
  EXPECT_EQ(code_of([&] { Column<TypeParam>(written, this->codec_); }), "MAP_DAMAGED");
  written.path = this->folder_ / "none";
  EXPECT_EQ(code_of([&] { Column<TypeParam>(written, this->codec_); }), "MAP_MISSING");
}

// Pages that lie in the right places but come from another map: their digests tell.
TYPED_TEST(ColumnFile, IsRefusedWithAPageOfAnotherMap) {
  std::vector<Named<TypeParam>> named;
  const WrittenColumn one = write_random(this->dice_, this->folder_ / "one", this->codec_, 5000, named);
  const Column<TypeParam> column(one, this->codec_);
  const PageRef &first = column.pages()[0], &second = column.pages()[1];
  Bytes page(second.length);
  const Fd fd = open_file(one.path, O_RDWR, "IO");
  read_exact(fd.get(), page, second.offset, "IO", one.path);
  page.resize(first.length);
  write_at(fd.get(), page, first.offset, "IO", one.path);
  EXPECT_EQ(code_of([&] { column.load(0, this->codec_); }), "MAP_DAMAGED");
  EXPECT_EQ(code_of([&] { column.load(1, this->codec_); }), "no error") << "one page is read without the others";
}

}  // namespace
}  // namespace strata::test
