#include "read_write_lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace strata::test {
namespace {

// Some go on until the others have had it so often: none of these tests ends when those wait for ever.
template <typename Steady, typename Other>
void gets_through(Steady steady, Other other) {
  std::atomic<bool> done{false};
  std::latch all_run(6);
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; i++)
    threads.emplace_back([&] {
      steady();
      all_run.count_down();
      while (!done) steady();
    });
  all_run.wait();
  for (int i = 0; i < 300; i++) other();
  done = true;
  for (std::thread& it : threads) it.join();
}

TEST(ReadWriteLock, WritersGetThroughSteadyReaders) {
  ReadWriteLock lock;
  int value = 0;
  gets_through(
      [&] {
        const std::shared_lock in(lock);
        const int before = value;
        std::this_thread::yield();
        EXPECT_EQ(value, before);
      },
      [&] {
        const std::lock_guard in(lock);
        value++;
      });
  EXPECT_EQ(value, 300);
}

TEST(ReadWriteLock, ReadersGetThroughSteadyWriters) {
  ReadWriteLock lock;
  int first = 0, second = 0;
  gets_through(
      [&] {
        const std::lock_guard in(lock);
        first++;
        std::this_thread::yield();
        second++;
      },
      [&] {
        const std::shared_lock in(lock);
        EXPECT_EQ(first, second);
      });
}

TEST(ReadWriteLock, ReadersAreInTogether) {
  ReadWriteLock lock;
  const std::shared_lock in(lock);
  std::thread([&] { const std::shared_lock in_too(lock); }).join();
}

}  // namespace
}  // namespace strata::test
