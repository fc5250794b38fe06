#include "../fuse/images.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <latch>
#include <thread>

#include "../fuse/tree.h"
#include "dice.h"

namespace strata::test {
namespace {

// Content `number`, which counts those that there are.
class Numbered : public Content {
 public:
  explicit Numbered(uint64_t number, std::atomic<int>* there = nullptr, bool writable = false) : number_(number), there_(there), writable_(writable) {
    if (there_ != nullptr) ++*there_;
  }
  ~Numbered() override {
    if (there_ != nullptr) --*there_;
  }
  uint64_t size() const override { return number_ * 1000; }
  void read(Stream&, uint64_t, std::span<uint8_t>) override {}
  Run run_at(uint64_t) override { return {size(), true}; }
  bool writable() const override { return writable_; }

 private:
  const uint64_t number_;
  std::atomic<int>* const there_;
  const bool writable_;
};

std::shared_ptr<Content> numbered(uint64_t number, std::atomic<int>* there = nullptr, bool writable = false) {
  return std::make_shared<Numbered>(number, there, writable);
}

void wait_for(const Images& images, size_t waiting) {
  while (images.gauges().second < waiting) std::this_thread::yield();
}

// Some threads that want one image each, and what they got.
class Readers {
 public:
  Readers(Images& images, const std::vector<uint64_t>& numbers) : errors(numbers.size(), -1), contents(numbers.size()) {
    for (size_t i = 0; i < numbers.size(); i++) threads_.emplace_back([this, &images, i, number = numbers[i]] { errors[i] = images.get(number, contents[i]); });
  }
  ~Readers() { join(); }
  void join() {
    for (std::thread& it : threads_)
      if (it.joinable()) it.join();
  }
  std::vector<int> errors;
  std::vector<std::shared_ptr<Content>> contents;

 private:
  std::vector<std::thread> threads_;
};

TEST(Images, AreAskedForOnceAndGivenToAllWhoWait) {
  std::atomic<int> asked{0};
  Images images([&](uint64_t number) {
    EXPECT_EQ(number, 7u);
    asked++;
  });
  Readers readers(images, std::vector<uint64_t>(10, 7));
  wait_for(images, 10);
  EXPECT_EQ(images.gauges(), (std::pair<size_t, size_t>(0, 10)));
  const auto content = numbered(7);
  images.provide(7, content);
  readers.join();
  for (size_t i = 0; i < 10; i++) {
    EXPECT_EQ(readers.errors[i], 0);
    EXPECT_EQ(readers.contents[i], content);
  }
  EXPECT_EQ(images.gauges(), (std::pair<size_t, size_t>(1, 0)));
  std::shared_ptr<Content> again;
  EXPECT_EQ(images.get(7, again), 0);
  EXPECT_EQ(again, content);
  EXPECT_EQ(asked, 1);
}

TEST(Images, MayBeAnsweredAtOnce) {
  Images* all = nullptr;
  Images images([&](uint64_t number) { number == 3 ? all->refuse(number, ENOENT) : all->provide(number, numbered(number)); });
  all = &images;
  std::shared_ptr<Content> content;
  EXPECT_EQ(images.get(5, content), 0);
  EXPECT_EQ(content->size(), 5000u);
  EXPECT_EQ(images.get(3, content), ENOENT);
  uint64_t size = 0;
  EXPECT_EQ(images.size(6, size), 0);
  EXPECT_EQ(size, 6000u);
  EXPECT_EQ(images.size(3, size), ENOENT);
}

TEST(Images, ThatAreRefusedAreAskedForAgain) {
  std::atomic<int> asked{0};
  Images images([&](uint64_t) { asked++; });
  for (int round = 1; round <= 3; round++) {
    Readers readers(images, std::vector<uint64_t>(4, 7));
    wait_for(images, 4);
    while (asked < round) std::this_thread::yield();
    images.refuse(7, round == 2 ? EACCES : EIO);
    readers.join();
    EXPECT_EQ(asked, round);
    for (const int error : readers.errors) EXPECT_EQ(error, round == 2 ? EACCES : EIO);
  }
  // A folder whose entries are there now.
  Readers reader(images, {7});
  while (asked < 4) std::this_thread::yield();
  images.refuse(7, 0);
  reader.join();
  EXPECT_EQ(reader.errors[0], 0);
  EXPECT_EQ(reader.contents[0], nullptr);
  EXPECT_EQ(images.gauges(), (std::pair<size_t, size_t>(0, 0)));
}

TEST(Images, ThatHaveNoContentHaveNoSize) {
  Images* all = nullptr;
  Images images([&](uint64_t number) { all->refuse(number, 0); });
  all = &images;
  uint64_t size = 0;
  EXPECT_EQ(images.size(1, size), EIO);
}

TEST(Images, ThatCannotBeAskedForAreRefused) {
  bool broken = true;
  Images* all = nullptr;
  Images images([&](uint64_t number) {
    if (broken) throw std::bad_alloc();
    all->provide(number, numbered(number));
  });
  all = &images;
  std::shared_ptr<Content> content;
  EXPECT_EQ(images.get(1, content), EIO);
  EXPECT_EQ(images.gauges().second, 0u);
  broken = false;
  EXPECT_EQ(images.get(1, content), 0) << "the next who asks tries again";
}

TEST(Images, EndForAllWhoWaitAndAllWhoCome) {
  Images images([](uint64_t) {});
  Readers readers(images, {1, 2, 3, 1});
  wait_for(images, 4);
  images.end();
  readers.join();
  for (const int error : readers.errors) EXPECT_EQ(error, EIO);
  EXPECT_EQ(images.gauges().second, 0u);
  images.provide(1, numbered(1));  // too late, and no harm
  std::shared_ptr<Content> content;
  EXPECT_EQ(images.get(1, content), EIO);
  uint64_t size = 0;
  EXPECT_EQ(images.size(2, size), EIO);
}

// The 64 used last stay; others go, but not those that somebody holds or that take writes.
TEST(Images, LetIdleOnesGo) {
  std::atomic<int> there{0}, asked{0};
  Images* all = nullptr;
  Images images([&](uint64_t number) {
    asked++;
    all->provide(number, numbered(number, &there, number == 1));
  });
  all = &images;
  std::shared_ptr<Content> held;
  EXPECT_EQ(images.get(0, held), 0);
  std::shared_ptr<Content> content;
  for (uint64_t number = 1; number < 64; number++) EXPECT_EQ(images.get(number, content), 0);
  EXPECT_EQ(there, 64);
  EXPECT_EQ(images.get(2, content), 0) << "it is used again";
  for (uint64_t number = 100; number < 110; number++) EXPECT_EQ(images.get(number, content), 0);
  EXPECT_EQ(there, 64);
  EXPECT_EQ(images.gauges().first, 64u);
  asked = 0;
  for (const uint64_t number : {0, 1, 2, 13, 14, 63, 109}) EXPECT_EQ(images.get(number, content), 0);
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(images.get(3, content), 0);
  EXPECT_EQ(asked, 1) << "it was let go";
  uint64_t size = 0;
  EXPECT_EQ(images.size(12, size), 0);
  EXPECT_EQ(size, 12'000u);
  EXPECT_EQ(asked, 1) << "its size is still known";
}

TEST(Images, MayAllBeInUse) {
  std::atomic<int> there{0};
  Images* all = nullptr;
  Images images([&](uint64_t number) { all->provide(number, numbered(number, &there)); });
  all = &images;
  std::vector<std::shared_ptr<Content>> held(200);
  for (uint64_t number = 0; number < 200; number++) ASSERT_EQ(images.get(number, held[number]), 0);
  EXPECT_EQ(images.gauges().first, 200u);
  held.clear();
  std::shared_ptr<Content> content;
  EXPECT_EQ(images.get(1000, content), 0);
  EXPECT_EQ(there, 64);
}

// Who provided one may hold on to it: that is no use of it.
TEST(Images, AreLetGoOnDemandUnlessInUse) {
  std::atomic<int> there{0}, asked{0};
  std::shared_ptr<Content> given;
  Images* all = nullptr;
  Images images([&](uint64_t number) {
    asked++;
    all->provide(number, given = numbered(number, &there));
  });
  all = &images;
  EXPECT_TRUE(images.release(1)) << "nobody has asked for it yet";
  std::shared_ptr<Content> held;
  EXPECT_EQ(images.get(1, held), 0);
  EXPECT_FALSE(images.release(1));
  std::shared_ptr<Content> other;
  EXPECT_EQ(images.get(1, other), 0);
  EXPECT_EQ(asked, 1) << "a release that was refused changes nothing";
  other.reset();
  held.reset();
  EXPECT_TRUE(images.release(1));
  EXPECT_EQ(images.gauges().first, 0u);
  given.reset();
  EXPECT_EQ(there, 0);
  EXPECT_EQ(images.get(1, held), 0);
  EXPECT_EQ(asked, 2);
}

TEST(Images, AreNotLetGoWhileSomebodyWaits) {
  Images images([](uint64_t) {});
  Readers readers(images, {7});
  wait_for(images, 1);
  EXPECT_FALSE(images.release(7));
  images.provide(7, numbered(7));
  readers.join();
  EXPECT_FALSE(images.release(7)) << "the reader has it";
  readers.contents.clear();
  EXPECT_TRUE(images.release(7));
}

// Its reader may not have come to take it when others are provided.
TEST(Images, AreKeptForThoseWhoWaitForThem) {
  for (int round = 0; round < 30; round++) {
    std::atomic<int> there{0};
    Images images([](uint64_t) {});
    std::vector<std::shared_ptr<Content>> held;
    for (uint64_t number = 0; number < 64; number++) {
      images.provide(number, numbered(number, &there));
      ASSERT_EQ(images.get(number, held.emplace_back()), 0);
    }
    Readers readers(images, {100, 101, 102, 103});
    wait_for(images, 4);
    for (uint64_t number = 100; number < 110; number++) images.provide(number, numbered(number, &there));
    readers.join();
    for (size_t i = 0; i < 4; i++) {
      EXPECT_EQ(readers.errors[i], 0);
      EXPECT_EQ(readers.contents[i]->size(), (100 + i) * 1000);
    }
  }
}

// Closing one may take long, or look at the others.
TEST(Images, AreClosedWithoutTheLock) {
  class Looks : public Numbered {
   public:
    explicit Looks(const Images& images) : Numbered(1), images_(images) {}
    ~Looks() override { images_.gauges(); }

   private:
    const Images& images_;
  };
  Images images([](uint64_t) {});
  for (uint64_t number = 0; number < 200; number++) images.provide(number, std::make_shared<Looks>(images));
  EXPECT_EQ(images.gauges().first, 64u);
  images.provide(199, std::make_shared<Looks>(images));
  for (uint64_t number = 0; number < 200; number++) images.provide(number, numbered(number));
}

TEST(Images, ServeManyThreads) {
  std::atomic<int> there{0};
  Images* all = nullptr;
  std::vector<std::thread> answers;
  std::mutex answers_mutex;
  // Each is answered by a thread of its own, as by TypeScript some time later.
  Images images([&](uint64_t number) {
    const std::lock_guard lock(answers_mutex);
    answers.emplace_back([&, number] { number % 10 == 3 ? all->refuse(number, ENOENT) : all->provide(number, numbered(number, &there)); });
  });
  all = &images;
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 6; i++)
    threads.emplace_back([&, i] {
      Dice dice(420 + i);
      std::vector<std::shared_ptr<Content>> held;
      for (int round = 0; round < 200; round++) {
        const uint64_t number = dice.below(100);
        std::shared_ptr<Content> content;
        const int error = images.get(number, content);
        ASSERT_EQ(error, number % 10 == 3 ? ENOENT : 0);
        if (error != 0) continue;
        ASSERT_EQ(content->size(), number * 1000);
        held.push_back(content);
        if (dice.chance(10)) held.clear();
      }
    });
  for (std::thread& it : threads) it.join();
  for (std::thread& it : answers) it.join();
  EXPECT_LE(there, 90);
  EXPECT_EQ(images.gauges().second, 0u);
}

TEST(Tree, InodesAreTheSameForever) {
  EXPECT_EQ(inode_of(""), 1u);
  EXPECT_EQ(inode_of("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(inode_of("foobar"), 0x85944171f73967e8u);
  EXPECT_NE(inode_of("a/b"), inode_of("a/c"));
}

}  // namespace
}  // namespace strata::test
