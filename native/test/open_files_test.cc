#include "../fuse/open_files.h"

#include <gtest/gtest.h>

#include <thread>

namespace strata::test {
namespace {

std::shared_ptr<OpenFile> file(const std::string& path) {
  const auto tree = std::make_shared<Tree>();
  (*tree)[path].text = path;
  auto out = std::make_shared<OpenFile>();
  out->path = path;
  out->tree = tree;
  out->node = &tree->at(path);
  return out;
}

TEST(OpenFiles, AreFoundByTheirPathUntilTheLastIsClosed) {
  OpenFiles files;
  EXPECT_EQ(files.find("a"), nullptr);
  const uint64_t one = files.add(file("a")), other = files.add(file("a")), third = files.add(file("b"));
  EXPECT_EQ(files.count(), 3u);
  EXPECT_EQ(OpenFiles::of(third).size(), 1u);
  files.remove(one);
  ASSERT_NE(files.find("a"), nullptr);
  EXPECT_EQ(files.find("a").get(), &OpenFiles::of(other));
  files.remove(other);
  EXPECT_EQ(files.find("a"), nullptr);
  EXPECT_NE(files.find("b"), nullptr);
  files.remove(third);
  EXPECT_EQ(files.count(), 0u);
}

// Who looks at one keeps it whole, whoever closes it meanwhile.
TEST(OpenFiles, MayBeClosedWhileTheyAreLookedAt) {
  OpenFiles files;
  std::thread looker([&] {
    for (int n = 0; n < 20'000; n++)
      if (const auto found = files.find("a"); found != nullptr) {
        ASSERT_EQ(found->node->text, "a");
      }
  });
  for (int n = 0; n < 20'000; n++) files.remove(files.add(file("a")));
  looker.join();
  EXPECT_EQ(files.count(), 0u);
}

}  // namespace
}  // namespace strata::test
