#include "conveyor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "code_of.h"

namespace strata::test {
namespace {

TEST(Conveyor, TakesAllInOrder) {
  std::vector<int> taken;
  Conveyor<int> conveyor([&](const int& it) { taken.push_back(it); });
  std::vector<int> expected;
  for (int i = 0; i < 1000; i++) {
    conveyor.put(i);
    expected.push_back(i);
  }
  conveyor.finish();
  EXPECT_EQ(taken, expected);
}

TEST(Conveyor, AFailureIsThrownToWhoPuts) {
  Conveyor<int> conveyor([](const int& it) {
    if (it == 3) throw Error("SPOOL_WRITE", "no room");
  });
  EXPECT_EQ(code_of([&] {
              for (int i = 0; i < 1000; i++) conveyor.put(i);
            }),
            "SPOOL_WRITE");
  EXPECT_EQ(code_of([&] { conveyor.finish(); }), "SPOOL_WRITE");
}

TEST(Conveyor, AFailureOfTheLastIsThrownAtTheEnd) {
  Conveyor<int> conveyor([](const int&) { throw Error("SPOOL_WRITE", "no room"); });
  conveyor.put(0);
  EXPECT_EQ(code_of([&] { conveyor.finish(); }), "SPOOL_WRITE");
}

TEST(Conveyor, WhatWaitsIsDroppedWithIt) {
  std::mutex held;
  std::atomic<int> taken{0};
  {
    std::unique_lock lock(held);
    Conveyor<int> conveyor([&](const int&) {
      taken++;
      const std::lock_guard wait(held);
    });
    for (int i = 0; i < 4; i++) conveyor.put(i);
    while (taken == 0) std::this_thread::yield();
    lock.unlock();
  }
  EXPECT_LE(taken, 4);
  EXPECT_GE(taken, 1);
}

}  // namespace
}  // namespace strata::test
