// The failpoints of native, each in a process of its own, since the plan is read when a process starts.
#include <gtest/gtest.h>

#include <cstdlib>

#include "code_of.h"
#include "random_disk.h"
#include "system_calls.h"
#include "synthesized.h"

namespace strata::test {
namespace {

constexpr int kAsExpected = 42;

class Failpoint : public testing::Test {
 protected:
  // A process that is started anew inherits the plan, and leaves what it leaves in this one's folder.
  void plan(const char* text) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    setenv("STRATA_FAILPOINT", text, 1);
    setenv("TMPDIR", repo_.folder.path().c_str(), 1);
  }
  void TearDown() override {
    unsetenv("STRATA_FAILPOINT");
    before_.empty() ? unsetenv("TMPDIR") : setenv("TMPDIR", before_.c_str(), 1);
  }

  // Ends the process, as expected or not, after an action that should fail with the code and the errno.
  template <typename Action>
  [[noreturn]] static void ends_with(const std::string& code, int system, Action action) {
    try {
      action();
    } catch (const Error& error) {
      if (error.code() == code && error.system() == system) _exit(kAsExpected);
      fprintf(stderr, "%s %d: %s\n", error.code().c_str(), error.system(), error.what());
    }
    _exit(1);
  }

  static BackupOutcome back_up(SmallRepository& repo) {
    Dice dice(180);
    const Bytes disk = dice.bytes(3'000'000);
    return repo.run(repo.options(repo.put_image(disk), disk.size()));
  }

  SmallRepository repo_;

 private:
  std::string before_ = getenv("TMPDIR") == nullptr ? "" : getenv("TMPDIR");
};
using FailpointDeathTest = Failpoint;

TEST_F(FailpointDeathTest, WritesOfPacksAndMapsFail) {
  for (const auto& [text, error] : {std::pair{"native.pack.write:2:enospc", ENOSPC}, std::pair{"native.column.write:1:eio", EIO}, std::pair{"native.column.write:2:enospc", ENOSPC}}) {
    plan(text);
    EXPECT_EXIT(ends_with("SPOOL_WRITE", error, [&] { back_up(repo_); }), testing::ExitedWithCode(kAsExpected), "") << text;
  }
}

TEST_F(FailpointDeathTest, WritesOfTheIndexFailAndLeaveNothing) {
  const auto fails = [this] {
    back_up(repo_);
    ends_with("SPOOL_WRITE", ENOSPC, [&] {
      const auto files = [&] { return std::distance(std::filesystem::directory_iterator(repo_.folder.path()), {}); };
      const auto before = files();
      try {
        repo_.index();
      } catch (const Error&) {
        if (files() != before) _exit(2);
        throw;
      }
    });
  };
  for (const char* text : {"native.index.write:1:enospc", "native.index.write:2:enospc"}) {
    plan(text);
    EXPECT_EXIT(fails(), testing::ExitedWithCode(kAsExpected), "") << text;
  }
}

TEST_F(FailpointDeathTest, WritesOfTheTargetFail) {
  plan("native.restore.write:3:enospc");
  EXPECT_EXIT(ends_with("TARGET_WRITE", ENOSPC,
                        [&] {
                          repo_.commit(back_up(repo_));
                          const Fd fd = open_file(repo_.folder / "target", O_RDWR | O_CREAT, "IO");
                          Restore(repo_.restore_options(fd.get(), 3'000'000)).run();
                        }),
              testing::ExitedWithCode(kAsExpected), "");
}

TEST_F(FailpointDeathTest, ReadsOfTheSourceFail) {
  // Once: it is read in the second try. Ever: nothing can be read.
  plan("native.source.read:2:eio");
  EXPECT_EXIT(_exit(back_up(repo_).unreadable.empty() ? kAsExpected : 1), testing::ExitedWithCode(kAsExpected), "");
  plan("native.source.*:1-:eio");
  EXPECT_EXIT(_exit(back_up(repo_).unreadable.at(0).length == 3'000'000 ? kAsExpected : 1), testing::ExitedWithCode(kAsExpected), "");
}

// Each write of a copying synthesis, until there are no more: packs in the kernel, packs from memory, both columns, and the table of places.
TEST_F(FailpointDeathTest, WritesOfASynthesisFail) {
  const auto synthesize = [this](Clone clone, bool without_kernel) {
    repo_.commit(back_up(repo_));
    SynthesisOptions options = synthesis_options(repo_, 3'000'000, SynthesisMode::copy);
    options.clone = clone;
    SystemCalls refusing;
    if (without_kernel) refusing.copy = [](int) { return EXDEV; };
    const WatchedCalls watched(refusing);
    run_storing<Synthesis>(repo_, std::move(options));
  };
  // The backup writes 4 times to packs and twice to columns, the synthesis after that.
  for (const bool without_kernel : {false, true})
    for (const auto& [text, error] : {std::pair{"native.pack.write:5:enospc", ENOSPC}, std::pair{"native.pack.write:6:eio", EIO}, std::pair{"native.pack.write:8:eio", EIO}, std::pair{"native.column.write:3:eio", EIO}, std::pair{"native.column.write:4:enospc", ENOSPC}}) {
      plan(text);
      EXPECT_EXIT(ends_with("SPOOL_WRITE", error, [&] { synthesize(Clone::automatic, without_kernel); }), testing::ExitedWithCode(kAsExpected), "") << text;
    }
}

TEST_F(FailpointDeathTest, AnyPlaceKills) {
  for (const char* text : {"native.source.read:1:kill", "native.pack.write:1:kill", "native.*:3:kill"}) {
    plan(text);
    EXPECT_EXIT(back_up(repo_), testing::KilledBySignal(SIGKILL), "") << text;
  }
}

}  // namespace
}  // namespace strata::test
