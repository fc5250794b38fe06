// Objects from afar against a model that answers when it is told to: what is asked for, what readers get, what is kept.
#include "remote.h"

#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "code_of.h"
#include "dice.h"

namespace strata::test {
namespace {

constexpr uint64_t kChunk = Remote::kChunk;

// A far place with one object, whose content is told by its position.
class Far {
 public:
  explicit Far(uint64_t size, size_t memory = 64 * kChunk)
      : size_(size), remote_(std::make_shared<Remote>(memory, [this](const Remote::Request& request) { take(request); })) {}
  ~Far() {
    remote_->close();
    stop();
  }

  static uint8_t byte_at(uint64_t offset) { return static_cast<uint8_t>(offset * 31 + offset / 251); }
  Remote& remote() { return *remote_; }

  // Answers everything at once, from a thread of its own.
  void serve() {
    server_ = std::thread([this] {
      while (const auto request = next()) answer(*request);
    });
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    arrived_.notify_all();
    if (server_.joinable()) server_.join();
  }

  std::optional<Remote::Request> next() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
    if (waiting_.empty()) return {};
    Remote::Request out = waiting_.front();
    waiting_.pop_front();
    return out;
  }
  bool nothing_waits() {
    const std::lock_guard lock(mutex_);
    return waiting_.empty();
  }

  void answer(const Remote::Request& request) {
    if (request.length == 0) return remote_->tell_size(request.number, size_);
    const uint64_t from = std::min(request.offset, size_), until = std::min(request.offset + request.length, size_);
    Bytes out;
    for (uint64_t at = from; at < until; at++) out.push_back(byte_at(at));
    remote_->deliver(request.number, out);
  }

  void expect_read(uint64_t offset, size_t length) {
    Bytes out(length);
    const size_t got = remote_->read("packs/00/a", offset, out);
    ASSERT_EQ(got, std::min<uint64_t>(length, size_ - std::min(size_, offset)));
    for (size_t i = 0; i < got; i++) ASSERT_EQ(out[i], byte_at(offset + i)) << offset + i;
  }

 private:
  void take(const Remote::Request& request) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(request);
    }
    arrived_.notify_all();
  }

  const uint64_t size_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Remote::Request> waiting_;
  bool ended_ = false;
  std::shared_ptr<Remote> remote_;
  std::thread server_;
};

TEST(Remote, GivesWhatIsThere) {
  Far far(10 * kChunk + 77);
  far.serve();
  far.expect_read(0, 1);
  far.expect_read(kChunk - 1, 2);
  far.expect_read(3 * kChunk - 5, 4 * kChunk);
  far.expect_read(10 * kChunk, 77);
  far.expect_read(10 * kChunk + 70, 100);
  far.expect_read(20 * kChunk, 10);
  EXPECT_EQ(far.remote().size("packs/00/a"), 10 * kChunk + 77);
}

TEST(Remote, AsksForNeighboursAtOnceAndForWhatIsOnItsWayNotAgain) {
  Far far(100 * kChunk);
  far.remote().will_need("packs/00/a", kChunk + 5, 2 * kChunk);
  const auto first = far.next();
  EXPECT_EQ(first->offset, kChunk);
  EXPECT_EQ(first->length, 3 * kChunk);
  EXPECT_TRUE(first->ahead);
  far.remote().will_need("packs/00/a", 0, 6 * kChunk);
  const auto before = far.next(), behind = far.next();
  EXPECT_EQ(before->offset, 0u);
  EXPECT_EQ(before->length, kChunk);
  EXPECT_EQ(behind->offset, 4 * kChunk);
  EXPECT_EQ(behind->length, 2 * kChunk);
  far.remote().will_need("packs/00/a", 0, 6 * kChunk);
  EXPECT_TRUE(far.nothing_waits());
  for (const auto& it : {*behind, *first, *before}) far.answer(it);
  far.expect_read(0, 6 * kChunk);
  EXPECT_TRUE(far.nothing_waits());
  EXPECT_EQ(far.remote().counters().requests, 3u);
}

TEST(Remote, KeepsNoMoreThanItMay) {
  Far far(1000 * kChunk, 16 * kChunk);
  far.serve();
  for (uint64_t at = 0; at < 1000; at += 40) far.expect_read(at * kChunk, 40 * kChunk);
  EXPECT_EQ(far.remote().counters().kept, 16u);
  EXPECT_EQ(far.remote().counters().on_their_way, 0u);
}

TEST(Remote, AnnouncesNoMoreThanItMayHaveOnItsWay) {
  Far far(1000 * kChunk, 16 * kChunk);
  for (uint64_t at = 0; at < 100; at++) far.remote().will_need("packs/00/a", at * kChunk, kChunk);
  EXPECT_EQ(far.remote().counters().on_their_way, 8u);
  far.serve();
  far.expect_read(50 * kChunk, 100);
}

TEST(Remote, AsksPastCopiesForWhatTurnedOutToBeWrong) {
  Far far(100 * kChunk);
  const std::string name = "packs/00/a";
  far.remote().will_need(name, 0, 4 * kChunk);
  const auto copied = far.next();
  EXPECT_FALSE(copied->fresh);
  far.remote().deliver(copied->number, Bytes(4 * kChunk, 7), true);
  far.remote().renew(name, kChunk + 5, kChunk);
  far.remote().will_need(name, 0, 6 * kChunk);
  const auto again = far.next(), more = far.next();
  EXPECT_TRUE(again->fresh);
  EXPECT_EQ(again->offset, kChunk);
  EXPECT_EQ(again->length, 2 * kChunk);
  EXPECT_FALSE(more->fresh) << "what was not read before may be a copy";
  far.remote().fail(again->number, Error("STORAGE_FETCH", "gone"));
  far.remote().will_need(name, kChunk, 2 * kChunk);
  const auto third = far.next();
  EXPECT_TRUE(third->fresh) << "it was not had yet";
  for (const auto& it : {*third, *more}) far.answer(it);
  far.expect_read(kChunk, 2 * kChunk);
  far.remote().renew(name, kChunk, 2 * kChunk);
  far.expect_read(kChunk, 2 * kChunk);
  EXPECT_TRUE(far.nothing_waits()) << "what came from there is not asked for again";
}

TEST(Remote, TellsAllWhoWaitWhyItFailedAndTriesAgainForTheNext) {
  Far far(100 * kChunk);
  std::vector<std::thread> readers;
  std::atomic<int> told{0};
  for (int i = 0; i < 4; i++)
    readers.emplace_back([&] {
      Bytes out(10);
      told += code_of([&] { far.remote().read("packs/00/a", 5, out); }) == "STORAGE_FETCH";
    });
  const auto request = far.next();
  far.remote().fail(request->number, Error("STORAGE_FETCH", "no answer"));
  // A reader that came after the failure asks anew.
  std::thread late([&] {
    while (const auto again = far.next()) far.remote().fail(again->number, Error("STORAGE_FETCH", "no answer"));
  });
  for (std::thread& it : readers) it.join();
  EXPECT_EQ(told, 4);
  far.stop();
  late.join();

  Far well(100 * kChunk);
  well.remote().will_need("packs/00/a", 0, 1);
  well.remote().fail(well.next()->number, Error("PACK_MISSING", "gone"));
  well.serve();
  well.expect_read(0, 10);
}

TEST(Remote, LetsGoOfReadersWhenItIsClosed) {
  Far far(100 * kChunk);
  std::thread reader([&] {
    Bytes out(10);
    EXPECT_EQ(code_of([&] { far.remote().read("packs/00/a", 5, out); }), "CANCELLED");
  });
  std::thread asking([&] { EXPECT_EQ(code_of([&] { far.remote().size("packs/00/a"); }), "CANCELLED"); });
  far.next();
  far.next();
  far.remote().close();
  reader.join();
  asking.join();
  Bytes out(10);
  EXPECT_EQ(code_of([&] { far.remote().read("packs/00/a", 5, out); }), "CANCELLED");
}

TEST(Remote, ServesManyThreadsAtRandom) {
  Far far(200 * kChunk + 12345, 24 * kChunk);
  far.serve();
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 6; seed++)
    threads.emplace_back([&far, seed] {
      Dice dice(seed);
      for (int n = 0; n < 150; n++) {
        const uint64_t offset = dice.below(200 * kChunk);
        if (dice.below(3) == 0) far.remote().will_need("packs/00/a", offset, dice.below(10 * kChunk));
        else far.expect_read(offset, 1 + dice.below(3 * kChunk));
      }
    });
  for (std::thread& it : threads) it.join();
  EXPECT_LE(far.remote().counters().kept, 24u);
}

}  // namespace
}  // namespace strata::test
