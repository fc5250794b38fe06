#include "export.h"

#include <sys/stat.h>

#include "code_of.h"
#include "memory_content.h"
#include "open_disk.h"
#include "system_calls.h"
#include "tiny_folder.h"

namespace strata::test {
namespace {

class ExportTo : public testing::Test {
 protected:
  Fd target(const std::string& path) { return open_file(path, O_RDWR | O_CREAT | O_EXCL, "IO"); }
  Fd target() { return target(path_ = folder_ / std::to_string(files_++)); }

  Bytes found() const {
    Bytes out(std::filesystem::file_size(path_));
    read_exact(open_file(path_, O_RDONLY, "IO").get(), out, 0, "IO", path_);
    return out;
  }

  // "CODE errno" of its failure.
  std::string failure(Export& it) {
    try {
      it.run();
    } catch (const Error& error) {
      return error.code() + " " + std::to_string(error.system());
    }
    return "no error";
  }

  Dice dice_{410};
  TempFolder folder_;
  int files_ = 0;
  std::string path_;
};

TEST_F(ExportTo, AFile) {
  for (const size_t size : {0, 1, 4096, 4097, 1 << 20, (1 << 20) + 1, 3'000'001})
    for (const bool sparse : {true, false})
      for (const uint64_t longest : {4096, 100'000, 100'000'000}) {
        const auto content = std::make_shared<MemoryContent>(random_disk(dice_, size));
        content->longest = longest;
        const Fd fd = target();
        Export it({content, fd.get(), sparse});
        ASSERT_TRUE(it.run());
        ASSERT_TRUE(found() == content->bytes()) << size;
        EXPECT_EQ(it.progress().position, size);
        uint64_t data = 0;
        for (uint64_t at = 0; at < size;) {
          const Content::Run run = content->run_at(at);
          if (run.data) data += run.end - at;
          at = run.end;
        }
        EXPECT_EQ(it.progress().bytes_written, sparse ? data : size);
      }
}

TEST_F(ExportTo, AFileAsSparseAsTheContent) {
  Bytes disk(64 << 20);
  disk[10 << 20] = disk[(64 << 20) - 1] = 1;
  const Fd fd = target();
  EXPECT_TRUE(Export({std::make_shared<MemoryContent>(disk), fd.get(), true}).run());
  struct stat facts;
  ASSERT_EQ(fstat(fd.get(), &facts), 0);
  EXPECT_EQ(facts.st_size, 64 << 20);
  EXPECT_LE(facts.st_blocks * 512, 1 << 20);
}

// The end of a run is not looked for again with every part.
TEST_F(ExportTo, AFileAsksOnceForEveryRun) {
  const auto content = std::make_shared<MemoryContent>(Bytes(20 << 20, 'x'));
  const Fd fd = target();
  EXPECT_TRUE(Export({content, fd.get(), true}).run());
  EXPECT_EQ(content->runs, 1u);
  EXPECT_EQ(content->reads, 20u);
}

TEST_F(ExportTo, AFileOfAPoint) {
  SmallRepository repo;
  const Bytes disk = random_disk(dice_, 2'000'001);
  repo.backup(disk);
  const auto point = open_point(repo, open_store(repo), disk.size(), repo.chain);
  const Fd fd = target();
  EXPECT_TRUE(Export({whole(point), fd.get(), true}).run());
  EXPECT_TRUE(found() == disk);
}

// 64 TiB of nothing, and the last byte. Not every file system has files so large.
TEST_F(ExportTo, AHugeFile) {
  constexpr uint64_t kSize = uint64_t{1} << 46;
  SmallRepository repo;
  const Bytes raw = dice_.bytes(4096);
  const auto point = open_point(repo, open_store(repo), kSize, put_map(repo, kSize / 4096, {{kSize / 4096 - 1, put_block(repo, raw, 1)}}));
  const TinyFolder tiny(1 << 20);
  if (!tiny) GTEST_SKIP() << "a tmpfs takes root";
  const Fd fd = target(tiny / "image");
  Export it({whole(point), fd.get(), true});
  EXPECT_TRUE(it.run());
  EXPECT_EQ(it.progress().bytes_written, 4096u);
  EXPECT_EQ(it.progress().position, kSize);
  Bytes last(4096);
  read_exact(fd.get(), last, kSize - 4096, "IO", "");
  EXPECT_EQ(last, raw);
}

TEST_F(ExportTo, AFileCanBeCancelled) {
  const auto content = std::make_shared<MemoryContent>(dice_.bytes(10 << 20));
  {
    const Fd fd = target();
    Export it({content, fd.get(), true});
    it.cancel();
    EXPECT_FALSE(it.run());
    EXPECT_EQ(it.progress().bytes_written, 0u);
  }
  for (int at = 1; at <= 10; at++) {
    const Fd fd = target();
    Export it({content, fd.get(), true});
    int writes = 0;
    SystemCalls calls;
    calls.write = [&](int, View, uint64_t) {
      if (++writes == at) it.cancel();
      return 0;
    };
    const WatchedCalls watched(calls);
    EXPECT_EQ(it.run(), at == 10) << "what is written whole is whole";
    EXPECT_EQ(writes, at);
    EXPECT_EQ(it.progress().position, static_cast<uint64_t>(at) << 20);
  }
}

TEST_F(ExportTo, AFullDiskSaysSo) {
  const auto content = std::make_shared<MemoryContent>(dice_.bytes(5 << 20));
  {
    const Fd fd = target();
    const SmallFiles limit(3 << 20);
    Export it({content, fd.get(), true});
    EXPECT_EQ(failure(it), "TARGET_WRITE " + std::to_string(EFBIG)) << "it cannot have its size";
  }
  {
    const Fd fd = target();
    SystemCalls calls;
    calls.write = [](int, View, uint64_t offset) { return offset >= 2 << 20 ? ENOSPC : 0; };
    const WatchedCalls watched(calls);
    Export it({content, fd.get(), true});
    EXPECT_EQ(failure(it), "TARGET_WRITE " + std::to_string(ENOSPC));
    EXPECT_EQ(it.progress().bytes_written, 2u << 20);
  }
  {
    const Fd fd = open_file(path_, O_RDONLY, "IO");
    Export it({content, fd.get(), true});
    EXPECT_EQ(failure(it), "TARGET_WRITE " + std::to_string(EINVAL)) << "it cannot be written at all";
  }
  const TinyFolder tiny(1 << 20);
  if (!tiny) GTEST_SKIP() << "a small file system takes root";
  const Fd fd = target(tiny / "image");
  Export it({content, fd.get(), true});
  EXPECT_EQ(failure(it), "TARGET_WRITE " + std::to_string(ENOSPC));
}

TEST_F(ExportTo, AFileFailsWhereTheContentIsDamaged) {
  const auto content = std::make_shared<MemoryContent>(dice_.bytes(5 << 20));
  content->bad_from = 3 << 20;
  content->bad_until = content->bad_from + 1;
  const Fd fd = target();
  Export it({content, fd.get(), true});
  EXPECT_EQ(failure(it), "FRAME_DAMAGED 0");
  EXPECT_EQ(it.progress().position, 3u << 20);
}

}  // namespace
}  // namespace strata::test
