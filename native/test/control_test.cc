#include "control.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include "code_of.h"

namespace strata::test {
namespace {

TEST(Control, RunsAllAndThrowsTheFirstFailure) {
  std::atomic<int> ran{0}, woken{0};
  Control control;
  control.parallel(5, [&] { ran++; }, [&] { woken++; });
  EXPECT_EQ(ran, 5);
  EXPECT_EQ(woken, 0);
  EXPECT_FALSE(control.stopping());

  EXPECT_EQ(code_of([&] { control.parallel(5, [&] { throw Error("IO", "it broke"); }, [&] { woken++; }); }), "IO");
  EXPECT_EQ(woken, 5);
  EXPECT_TRUE(control.stopping());
  EXPECT_FALSE(control.cancelled());
}

TEST(Control, KeepsTheFirstFailure) {
  Control control;
  control.fail(std::make_exception_ptr(Error("SOURCE_READ", "first")));
  control.fail(std::make_exception_ptr(Error("IO", "second")));
  EXPECT_EQ(code_of([&] { control.rethrow(); }), "SOURCE_READ");
}

// Under the sanitizers a thread's stack has shadows, and one of this size would take all memory.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(Control, ThreadsThatCannotBeMadeAreAFailure) {
  pthread_attr_t huge;
  pthread_attr_init(&huge);
  size_t before;
  pthread_attr_getstacksize(&huge, &before);
  // Some fit into the address space, all do not.
  pthread_attr_setstacksize(&huge, size_t{1} << 45);
  pthread_setattr_default_np(&huge);
  Control control;
  std::atomic<int> waiting{0}, woken{0};
  const std::string code = code_of([&] {
    control.parallel(
        8,
        [&] {
          waiting++;
          while (!control.stopping()) std::this_thread::yield();
        },
        [&] { woken++; });
  });
  pthread_attr_setstacksize(&huge, before);
  pthread_setattr_default_np(&huge);
  pthread_attr_destroy(&huge);
  EXPECT_EQ(code.substr(0, 17), "another exception") << code;
  EXPECT_EQ(woken, 1);
  EXPECT_LT(waiting, 8);
}
#endif

TEST(Control, BoundsTheThreads) {
  EXPECT_EQ(thread_count(3), 3u);
  EXPECT_EQ(thread_count(1000), 64u);
  EXPECT_GE(thread_count(0), 2u);
  EXPECT_LE(thread_count(0), 64u);
}

}  // namespace
}  // namespace strata::test
