#include "lookahead.h"

#include <set>

#include "remote.h"

namespace strata::test {
namespace {

struct Task {
  uint64_t number = 0;
  std::vector<BlockPlace> places;
};

// Tasks of so many bytes of frames each.
struct Source {
  uint64_t made = 0;
  const uint64_t count;
  const uint32_t bytes;

  bool operator()(Task& task) {
    if (made == count) return false;
    task.number = made++;
    if (bytes > 0) task.places.push_back({task.number, {}, 0, bytes, 0});
    return true;
  }
};

PackPlace far_place() {
  return {"s3://bucket/packs", std::make_shared<Remote>(1 << 20, [](const Remote::Request&) {})};
}

TEST(Lookahead, GivesAllTasksInOrder) {
  for (const PackPlace& place : {PackPlace("packs"), far_place()}) {
    Lookahead<Task> ahead(place);
    Source source{0, 1000, 300'000};
    uint64_t taken = 0;
    for (Task task; ahead.take(task, source); taken++) ASSERT_EQ(task.number, taken);
    EXPECT_EQ(taken, 1000u);
  }
}

TEST(Lookahead, MakesOneTaskAtATimeOfWhatLiesHere) {
  Lookahead<Task> ahead(PackPlace("packs"));
  Source source{0, 10, 300'000};
  Task task;
  for (uint64_t n = 1; n <= 10; n++) {
    ASSERT_TRUE(ahead.take(task, source));
    EXPECT_EQ(source.made, n);
  }
}

TEST(Lookahead, MakesManyAtOnceOfWhatLiesElsewhere) {
  for (const uint32_t bytes : {0u, 300'000u, 4'000'000u, 64'000'000u}) {
    Lookahead<Task> ahead(far_place());
    Source source{0, 5000, bytes};
    std::set<uint64_t> counts;
    Task task;
    for (uint64_t taken = 1; source.made < source.count; taken++) {
      ASSERT_TRUE(ahead.take(task, source));
      counts.insert(source.made);
      // What waits has not more bytes than can be on their way, and is never nothing while there is more.
      ASSERT_LE((source.made - taken) * std::max(bytes, 65'536u), (24u << 20) + bytes);
    }
    // Those made between two takes are many, unless each is large.
    if (bytes < 1'000'000) {
      EXPECT_LT(counts.size(), 5000u / 30);
    }
  }
}

}  // namespace
}  // namespace strata::test
