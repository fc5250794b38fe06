#include "io.h"

#include <gtest/gtest.h>

#include "code_of.h"
#include "dice.h"
#include "temp_folder.h"

namespace strata::test {
namespace {

Bytes content_of(const std::string& path) {
  Bytes out(std::filesystem::file_size(path));
  read_exact(open_file(path, O_RDONLY, "IO").get(), out, 0, "IO", path);
  return out;
}

TEST(Appender, WritesAllInOrder) {
  TempFolder folder;
  Dice dice(190);
  for (int i = 0; i < 5; i++) {
    const std::string path = folder / std::to_string(i);
    Appender file(path, "native.pack.write");
    Bytes expected;
    // Pieces around the size of its buffer too.
    for (uint64_t piece = dice.below(20); piece > 0; piece--) {
      const Bytes part = dice.bytes(dice.chance(20) ? (1 << 20) - 1 + dice.below(3) : dice.below(300'000));
      put_bytes(expected, part);
      file.append(part);
      ASSERT_EQ(file.size(), expected.size());
    }
    file.finish();
    ASSERT_TRUE(content_of(path) == expected);
  }
}

TEST(Appender, NeverWritesOverAFile) {
  TempFolder folder;
  Appender(folder / "there", "native.pack.write").finish();
  EXPECT_EQ(code_of([&] { Appender(folder / "there", "native.pack.write"); }), "SPOOL_WRITE");
}

TEST(WriteAt, SaysWhenThereIsNoRoom) {
  const Fd full = open_file("/dev/full", O_WRONLY, "IO");
  const Bytes some(100);
  EXPECT_EQ(code_of([&] { write_at(full.get(), some, 0, "SPOOL_WRITE", "/dev/full"); }), "SPOOL_WRITE");
}

TEST(ReadExact, SaysWhereAFileEnds) {
  TempFolder folder;
  Appender file(folder / "short", "native.pack.write");
  file.append(Bytes(100));
  file.finish();
  const Fd fd = open_file(folder / "short", O_RDONLY, "IO");
  Bytes out(60);
  EXPECT_EQ(code_of([&] { read_exact(fd.get(), out, 40, "PACK_READ", "it"); }), "no error");
  EXPECT_EQ(code_of([&] { read_exact(fd.get(), out, 41, "PACK_READ", "it"); }), "PACK_READ");
  EXPECT_EQ(code_of([&] { read_exact(fd.get(), out, UINT64_MAX - 10, "PACK_READ", "it"); }), "PACK_READ");
}

TEST(Fd, ClosesWhatItOwns) {
  TempFolder folder;
  Fd a = open_file(folder.path(), O_RDONLY, "IO");
  const int number = a.get();
  Fd b = std::move(a);
  EXPECT_FALSE(a);
  EXPECT_EQ(b.get(), number);
  b.reset();
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
  EXPECT_EQ(code_of([&] { open_file(folder / "none", O_RDONLY, "SOURCE_OPEN"); }), "SOURCE_OPEN");
}

}  // namespace
}  // namespace strata::test
