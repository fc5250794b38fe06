// Map files from hostile hands: read, or refused as damaged, and nothing else happens (the sanitizers watch).
#include <gtest/gtest.h>

#include "code_of.h"
#include "column.h"
#include "dice.h"
#include "random_page.h"
#include "sample_vault.h"
#include "temp_folder.h"

namespace strata::test {
namespace {

template <typename Entry>
class ColumnFuzz : public testing::Test {
 protected:
  // Opens the column and all its pages; the code of the first failure.
  std::string reading(const ColumnRef& ref, FrameCodec& codec) {
    return code_of([&] {
      const Column<Entry> column(ref, codec);
      for (size_t i = 0; i < column.pages().size(); i++) column.load(i, codec);
    });
  }

  WrittenColumn write(FrameCodec& codec) {
    ColumnWriter<Entry> writer(folder_ / "column", codec);
    for (uint64_t i = 0; i < 3000; i++) dice_.chance(80) ? writer.data(i, random_entry<Entry>(dice_, 2)) : writer.zero(i, 1);
    return writer.finish({PackId{1}, PackId{2}});
  }

  TempFolder folder_;
  Dice dice_{31};
};
using Columns = testing::Types<Location, BlockDigest>;
TYPED_TEST_SUITE(ColumnFuzz, Columns);

TYPED_TEST(ColumnFuzz, AnyChangedByteOfASealedColumnIsFound) {
  FrameCodec codec(sample_vault(true));
  const WrittenColumn written = this->write(codec);
  ASSERT_EQ(this->reading(written, codec), "no error");
  const Fd fd = open_file(written.path, O_RDWR, "IO");
  for (int i = 0; i < 300; i++) {
    const uint64_t at = this->dice_.between(16, written.bytes - 1);
    uint8_t byte;
    read_exact(fd.get(), {&byte, 1}, at, "IO", written.path);
    const auto changed = static_cast<uint8_t>(byte ^ this->dice_.between(1, 255));
    write_at(fd.get(), {&changed, 1}, at, "IO", written.path);
    ASSERT_EQ(this->reading(written, codec), "MAP_DAMAGED") << at;
    write_at(fd.get(), {&byte, 1}, at, "IO", written.path);
  }
}

TYPED_TEST(ColumnFuzz, CutOff) {
  FrameCodec codec(sample_vault(true));
  const WrittenColumn written = this->write(codec);
  for (uint64_t size = written.bytes; size > 0;) {
    size -= std::min(size, this->dice_.between(1, 500));
    std::filesystem::resize_file(written.path, size);
    ASSERT_EQ(this->reading(written, codec), "MAP_DAMAGED") << size;
  }
}

TYPED_TEST(ColumnFuzz, AnyReference) {
  FrameCodec codec(sample_vault(true));
  const WrittenColumn written = this->write(codec);
  for (int i = 0; i < 2000; i++) {
    ColumnRef ref = written;
    if (this->dice_.chance(70)) ref.index_offset = this->dice_.chance(50) ? this->dice_.next() : this->dice_.below(written.bytes + 100);
    if (this->dice_.chance(70)) ref.index_length = static_cast<uint32_t>(this->dice_.chance(10) ? this->dice_.next() : this->dice_.below(9000));
    if (ref.index_length > 100 << 20 && ref.index_length <= kFrameHeader + kMaxRaw) continue;  // allowed, but slow to reserve
    const std::string code = this->reading(ref, codec);
    ASSERT_TRUE(code == "MAP_DAMAGED" || (ref.index_offset == written.index_offset && ref.index_length == written.index_length)) << code;
  }
}

// Without encryption anybody can make an index that opens: what it says is still checked.
TYPED_TEST(ColumnFuzz, IndexThatOpensWithAnyContent) {
  FrameCodec codec(sample_vault(false));
  const WrittenColumn written = this->write(codec);
  Bytes frame(written.index_length), index;
  const Fd fd = open_file(written.path, O_RDWR, "IO");
  read_exact(fd.get(), frame, written.index_offset, "IO", written.path);
  codec.open(FrameType::map_index, {}, frame, index, Check::fast);
  size_t read = 0;
  for (int i = 0; i < 2000; i++) {
    Bytes raw = index;
    for (uint64_t changes = this->dice_.between(1, 3); changes > 0; changes--) {
      // Whole fields too: numbers near their limits are what goes wrong.
      const size_t at = this->dice_.below(raw.size() - 8);
      const uint64_t value = this->dice_.chance(30) ? UINT64_MAX - this->dice_.below(3) : this->dice_.chance(50) ? this->dice_.below(5000) : this->dice_.next();
      memcpy(raw.data() + (this->dice_.chance(60) ? at / 8 * 8 : at), &value, this->dice_.chance(50) ? 8 : 1);
    }
    if (this->dice_.chance(10)) raw.resize(this->dice_.below(raw.size()));
    ColumnRef ref = written;
    ref.index_digest = codec.digest(FrameType::map_index, raw);
    Bytes changed;
    ref.index_length = static_cast<uint32_t>(codec.seal(FrameType::map_index, {}, raw, ref.index_digest, 1, changed));
    write_at(fd.get(), changed, ref.index_offset, "IO", ref.path);
    const std::string code = this->reading(ref, codec);
    ASSERT_TRUE(code == "MAP_DAMAGED" || code == "no error") << code;
    read += code == "no error";
  }
  EXPECT_LT(read, 1000u);
}

}  // namespace
}  // namespace strata::test
