#include "image.h"

#include "code_of.h"
#include "medium.h"
#include "memory_content.h"
#include "open_disk.h"

namespace strata::test {
namespace {

using Segment = Image::Segment;
using SegmentKind = Image::Kind;

// An image, its bytes, and which of them its runs must call data.
struct Model {
  std::shared_ptr<Image> image;
  Bytes bytes;
  std::vector<uint8_t> data;
};

// Segments of all kinds, some of one byte, some past the end of the disk.
Model random_image(Dice& dice, const std::shared_ptr<Point>& point, const Bytes& disk) {
  const uint32_t block = point->block_size();
  std::vector<bool> data_blocks((disk.size() + block - 1) / block);
  for (size_t at = 0; at < disk.size(); at++)
    if (disk[at] != 0) data_blocks[at / block] = true;
  Model out;
  std::vector<Segment> segments;
  const Bytes literals = dice.bytes(dice.between(1, 50'000));
  for (uint64_t count = dice.between(1, 25); count > 0; count--) {
    const auto kind = static_cast<SegmentKind>(dice.below(3));
    uint64_t length = dice.between(1, dice.chance(30) ? 10 : dice.chance(70) ? 20'000 : 500'000), from = 0;
    if (kind == SegmentKind::literal) {
      from = dice.below(literals.size());
      length = std::min(length, literals.size() - from);
    } else if (kind == SegmentKind::disk) {
      from = dice.below(disk.size() + 10'000);
      if (dice.chance(50)) from = from / block * block;
      if (dice.chance(10)) length = disk.size() - std::min<uint64_t>(from, disk.size()) + 5000;
    }
    segments.push_back({out.bytes.size(), kind, from});
    for (uint64_t at = from; at < from + length; at++) {
      const bool inside = kind == SegmentKind::disk && at < disk.size();
      out.bytes.push_back(kind == SegmentKind::literal ? literals[at] : inside ? disk[at] : uint8_t{0});
      out.data.push_back(kind == SegmentKind::literal || (kind == SegmentKind::disk && at / block < data_blocks.size() && data_blocks[at / block]));
    }
  }
  out.image = std::make_shared<Image>(point, std::move(segments), literals, out.bytes.size());
  return out;
}

void expect_part(Model& model, Stream& stream, uint64_t offset, size_t length) {
  Bytes found(length, 0xa5);
  model.image->read(stream, offset, found);
  ASSERT_TRUE(std::equal(found.begin(), found.end(), model.bytes.begin() + static_cast<ptrdiff_t>(offset))) << offset << "+" << length << " of " << model.bytes.size();
}

struct Setting {
  uint32_t block;
  bool sealed;
  uint64_t cache_blocks;
  unsigned threads;
};

class ImageOf : public testing::TestWithParam<Setting> {};
INSTANTIATE_TEST_SUITE_P(, ImageOf, testing::Values(Setting{4096, true, 1, 1}, Setting{4096, false, 100, 3}, Setting{65536, true, 4, 2}), [](const auto& setting) {
  return std::to_string(setting.param.block) + (setting.param.sealed ? "Sealed" : "Open") + std::to_string(setting.param.cache_blocks) + "Kept";
});

TEST_P(ImageOf, GivesAnyPartToAnyThread) {
  const auto [block, sealed, cache_blocks, read_threads] = GetParam();
  Dice dice(340 + block + cache_blocks);
  SmallRepository repo(block, sealed);
  std::vector<Bytes> disks = {random_disk(dice, 1'500'000)};
  for (int i = 0; i < 3; i++) {
    if (i > 0) {
      disks.push_back(disks.back());
      change(dice, disks.back());
      disks.back().resize(1'000'001 + dice.below(500'000));
    }
    repo.backup(disks.back());
  }
  const auto store = open_store(repo, cache_blocks, read_threads);
  for (size_t i = 0; i < disks.size(); i++) {
    // The chain as it was then.
    const std::vector<Layer> chain(repo.chain.end() - static_cast<ptrdiff_t>(i + 1), repo.chain.end());
    const auto point = open_point(repo, store, disks[i].size(), chain);
    std::vector<Model> models = {random_image(dice, point, disks[i]), random_image(dice, point, disks[i])};
    // One that shows the disk as it is.
    models.push_back({whole(point), disks[i], {}});
    Stream shared;
    std::vector<std::thread> threads;
    for (uint64_t number = 0; number < 4; number++)
      threads.emplace_back([&, seed = dice.next() + number] {
        Dice own(seed);
        Stream stream;
        for (int round = 0; round < 25; round++) {
          Model& model = models[own.below(models.size())];
          auto [offset, length] = random_part(own, model.bytes.size(), 300'000);
          Stream& through = own.chance(20) ? shared : stream;
          ASSERT_NO_FATAL_FAILURE(expect_part(model, through, offset, length));
          // And on from there, so that blocks are opened ahead.
          for (uint64_t steps = own.chance(30) ? own.below(15) : 0; steps > 0; steps--) {
            offset += length;
            length = std::min<uint64_t>(own.between(1, 30'000), model.bytes.size() - std::min<uint64_t>(offset, model.bytes.size()));
            if (length == 0) break;
            ASSERT_NO_FATAL_FAILURE(expect_part(model, through, offset, length));
          }
        }
      });
    for (std::thread& it : threads) it.join();
    for (Model& model : models) {
      Stream stream;
      ASSERT_NO_FATAL_FAILURE(expect_part(model, stream, 0, model.bytes.size()));
      // Its last bytes.
      for (const size_t length : {size_t{1}, size_t{2}, size_t{511}, size_t{4097}})
        ASSERT_NO_FATAL_FAILURE(expect_part(model, stream, model.bytes.size() - std::min(length, model.bytes.size()), std::min(length, model.bytes.size())));
    }
  }
}

TEST_P(ImageOf, HasRunsThatFitItsBytes) {
  const auto [block, sealed, cache_blocks, threads] = GetParam();
  Dice dice(350 + block);
  SmallRepository repo(block, sealed);
  const Bytes disk = random_disk(dice, 1'000'001);
  repo.backup(disk);
  const auto point = open_point(repo, open_store(repo), disk.size(), repo.chain);
  for (int i = 0; i < 20; i++) {
    const Model model = random_image(dice, point, disk);
    const auto end_from = [&](uint64_t at) {
      const Content::Run run = model.image->run_at(at);
      EXPECT_LE(run.end, model.bytes.size());
      const auto from = model.data.begin() + static_cast<ptrdiff_t>(at), until = model.data.begin() + static_cast<ptrdiff_t>(run.end);
      EXPECT_EQ(std::find(from, until, run.data ? 0 : 1), until) << at << " to " << run.end;
      return run.end;
    };
    uint64_t at = 0;
    while (at < model.bytes.size() && !HasFailure()) {
      const uint64_t end = end_from(at);
      ASSERT_GT(end, at);
      at = end;
    }
    for (int j = 0; j < 50; j++) end_from(dice.below(model.bytes.size()));
  }
}

TEST(Image, FailsWhereAFrameIsDamagedAndNowhereElse) {
  Dice dice(360);
  SmallRepository repo;
  Bytes disk = random_disk(dice, 400'000);
  repo.backup(disk);
  scribble(dice, disk, 100'000, 60'000);
  repo.backup(disk);
  const auto place = [](const BlockEntry& it) { return std::pair(it.pack, it.offset); };
  for (int i = 0; i < 25; i++) {
    // Nothing is open yet.
    const auto store = open_store(repo);
    const auto point = open_point(repo, store, disk.size(), repo.chain);
    const auto image = whole(point);
    const std::vector<BlockEntry> entries = entries_of(*point);
    const uint64_t bad = point->map().next(dice.below(entries.size() / 2), true);
    {
      const Flipped damage(pack_path(repo, *store, entries[bad]), entries[bad].offset + dice.below(entries[bad].length));
      Stream stream;
      const auto expect = [&](uint64_t offset, size_t length) {
        bool touches = false;
        for (uint64_t block = offset / 4096; block * 4096 < offset + length; block++)
          touches = touches || (entries[block].pack != 0 && place(entries[block]) == place(entries[bad]));
        Bytes found(length);
        ASSERT_EQ(code_of([&] { image->read(stream, offset, found); }), touches ? "FRAME_DAMAGED" : "no error") << offset << "+" << length;
        ASSERT_TRUE(touches || std::equal(found.begin(), found.end(), disk.begin() + static_cast<ptrdiff_t>(offset)));
      };
      // In order, with blocks opened ahead; then here and there.
      for (uint64_t offset = 0; offset < disk.size(); offset += 3000) ASSERT_NO_FATAL_FAILURE(expect(offset, std::min<size_t>(3000, disk.size() - offset)));
      for (int j = 0; j < 50; j++) {
        const auto [offset, length] = random_part(dice, disk.size(), 60'000);
        ASSERT_NO_FATAL_FAILURE(expect(offset, length));
      }
    }
    // Another thread may have been opening it ahead when it was put right: who reads it then shares that failure.
    code_of([&] { read(*image, 0, disk.size()); });
    ASSERT_TRUE(read(*image, 0, disk.size()) == disk) << "it was put right";
  }
}

TEST(Image, SaysWhenItsMapCannotBeRead) {
  Dice dice(361);
  SmallRepository repo;
  const Bytes disk = dice.bytes(50'000);
  repo.backup(disk);
  const auto image = whole(open_point(repo, open_store(repo), disk.size(), repo.chain));
  const BadMedium broken([](int, off_t, size_t) { return EIO; });
  EXPECT_EQ(code_of([&] { read(*image, 100, 5); }), "SPOOL_READ");
  EXPECT_EQ(code_of([&] { image->run_at(100); }), "SPOOL_READ");
}

TEST(Point, GivesZerosPastTheEndOfItsDisk) {
  Dice dice(362);
  SmallRepository repo;
  const Bytes raw = dice.bytes(4096);
  // What the last block holds past the end is not the disk's.
  constexpr uint64_t kSize = 2 * 4096 + 1000;
  const LooseBlock block = put_block(repo, raw, 1);
  const auto point = open_point(repo, open_store(repo), kSize, put_map(repo, 3, {{0, block}, {2, block}}));
  Bytes expected(20'000);
  std::copy_n(raw.begin(), 4096, expected.begin());
  std::copy_n(raw.begin(), 1000, expected.begin() + 8192);
  for (int i = 0; i < 500; i++) {
    const uint64_t offset = dice.below(expected.size());
    Bytes out(dice.below(expected.size() - offset + 1), 0xa5);
    // However far is looked ahead.
    const uint64_t ahead = dice.chance(50) ? 0 : dice.chance(50) ? dice.below(30'000) : UINT64_MAX;
    point->read(offset, out, ahead);
    ASSERT_TRUE(std::equal(out.begin(), out.end(), expected.begin() + static_cast<ptrdiff_t>(offset))) << offset << "+" << out.size();
  }
  Bytes out(100, 0xa5);
  point->read(UINT64_MAX - 100, out, UINT64_MAX);
  EXPECT_EQ(out, Bytes(100));
}

TEST(Point, OfNothingIsEmpty) {
  SmallRepository repo;
  const auto point = open_point(repo, open_store(repo), 0, {});
  Bytes out(10, 1);
  point->read(0, out, 100);
  EXPECT_EQ(out, Bytes(10));
  const auto image = whole(point);
  EXPECT_EQ(image->size(), 0u);
  EXPECT_TRUE(read(*image, 0, 0).empty());
}

// More blocks at once than are looked up at once.
TEST(Point, ReadsMuchAtOnce) {
  Dice dice(363);
  SmallRepository repo;
  std::map<uint64_t, LooseBlock> named;
  const Bytes raw = dice.bytes(4096);
  const LooseBlock block = put_block(repo, raw, 1);
  Bytes expected(5000 * 4096);
  for (uint64_t number = 0; number < 5000; number++) {
    if (!dice.chance(20)) continue;
    named.emplace(number, block);
    std::copy(raw.begin(), raw.end(), expected.begin() + static_cast<ptrdiff_t>(number * 4096));
  }
  const auto image = whole(open_point(repo, open_store(repo), expected.size(), put_map(repo, 5000, named)));
  EXPECT_TRUE(read(*image, 0, expected.size()) == expected);
  EXPECT_TRUE(read(*image, 777, 10'000'000) == Bytes(expected.begin() + 777, expected.begin() + 10'000'777));
}

TEST(Image, MayBeOf64TiB) {
  constexpr uint64_t kSize = uint64_t{64} << 40, kBlocks = kSize / 4096;
  Dice dice(364);
  SmallRepository repo;
  const Bytes a = dice.bytes(4096), b = dice.bytes(4096);
  const auto point = open_point(repo, open_store(repo), kSize, put_map(repo, kBlocks, {{3, put_block(repo, a, 1)}, {kBlocks - 1, put_block(repo, b, 2)}}));
  // Head, disk, foot, as a VHD has them.
  const Image image(point, {{0, SegmentKind::literal, 0}, {512, SegmentKind::disk, 0}, {512 + kSize, SegmentKind::literal, 100}}, dice.bytes(612), kSize + 1024);
  Image& content = const_cast<Image&>(image);
  std::vector<std::pair<uint64_t, bool>> runs;
  for (uint64_t at = 0; at < content.size(); at = runs.back().first) runs.emplace_back(content.run_at(at).end, content.run_at(at).data);
  const std::vector<std::pair<uint64_t, bool>> expected = {
      {512, true}, {512 + 3 * 4096, false}, {512 + 4 * 4096, true}, {512 + kSize - 4096, false}, {512 + kSize, true}, {kSize + 1024, true}};
  EXPECT_EQ(runs, expected);
  EXPECT_EQ(read(content, 512 + kSize - 4096, 4096), b);
  EXPECT_EQ(read(content, 512 + kSize - 1, 1).front(), b.back());
  EXPECT_EQ(read(content, kSize / 2, 5000), Bytes(5000));
  // On to the end, as one reader.
  Stream stream;
  Bytes part(1000);
  for (uint64_t at = kSize - 100'000; at + part.size() <= content.size(); at += part.size()) content.read(stream, at, part);
}

TEST(Image, TakesOnlySegmentsThatMakeIt) {
  SmallRepository repo;
  const auto point = open_point(repo, open_store(repo), 100, {});
  const auto code = [&](std::vector<Segment> segments, uint64_t size) {
    return code_of([&] { Image(point, std::move(segments), Bytes(50), size); });
  };
  const auto literal = SegmentKind::literal, disk = SegmentKind::disk, zeros = SegmentKind::zeros;
  EXPECT_EQ(code({}, 0), "no error");
  EXPECT_EQ(code({{0, literal, 0}, {50, zeros, 0}, {60, disk, 1000}}, 70), "no error");
  EXPECT_EQ(code({{0, literal, 49}, {1, disk, INT64_MAX - 9}}, 10), "no error");
  const std::string refused = "NATIVE_ARGUMENT";
  EXPECT_EQ(code({}, 1), refused) << "nothing makes it";
  EXPECT_EQ(code({{0, zeros, 0}}, 0), refused) << "an empty segment";
  EXPECT_EQ(code({{1, zeros, 0}}, 10), refused) << "it begins late";
  EXPECT_EQ(code({{0, zeros, 0}, {0, zeros, 0}}, 10), refused) << "twice the same";
  EXPECT_EQ(code({{0, zeros, 0}, {8, zeros, 0}, {5, zeros, 0}}, 10), refused) << "out of order";
  EXPECT_EQ(code({{0, zeros, 0}, {11, zeros, 0}}, 10), refused) << "it begins past the end";
  EXPECT_EQ(code({{0, zeros, 0}, {10, zeros, 0}}, 10), refused) << "it begins at the end";
  EXPECT_EQ(code({{0, literal, 0}}, 51), refused) << "more literal bytes than there are";
  EXPECT_EQ(code({{0, literal, 50}}, 1), refused);
  EXPECT_EQ(code({{0, literal, UINT64_MAX}}, 2), refused) << "what wraps";
  EXPECT_EQ(code({{0, disk, UINT64_MAX}}, 2), refused);
  EXPECT_EQ(code({{0, disk, INT64_MAX}}, 2), refused);
  EXPECT_EQ(code({{0, disk, 1}}, UINT64_MAX), refused);
}

TEST(Image, TakesNoWrites) {
  SmallRepository repo;
  const auto image = whole(open_point(repo, open_store(repo), 100, {}));
  const Bytes some(5);
  EXPECT_FALSE(image->writable());
  EXPECT_EQ(code_of([&] { image->write(0, some); }), "READ_ONLY");
  EXPECT_EQ(code_of([&] { image->zero(0, 5); }), "READ_ONLY");
  EXPECT_EQ(code_of([&] { image->flush(); }), "no error");
}

TEST(Stream, LooksAheadWhenAReaderGoesOn) {
  Stream stream;
  EXPECT_EQ(stream.note(0, 100'000), 0u);
  uint64_t ahead = 0;
  for (uint64_t at = 100'000; at < 30 * 100'000; at += 100'000) {
    const uint64_t now = stream.note(at, 100'000);
    EXPECT_GE(now, ahead);
    ahead = now;
  }
  EXPECT_EQ(ahead, 8u << 20);
  EXPECT_GT(stream.note(28 * 100'000, 1), 0u) << "several requests come out of order";
  EXPECT_EQ(stream.note(uint64_t{64} << 40, 100), 0u) << "elsewhere";
  EXPECT_EQ(stream.note(5, 100), 0u);
  Dice dice(365);
  Stream random;
  uint64_t looked = 0;
  for (int i = 0; i < 1000; i++) looked += random.note(dice.next() >> 18, 4096);
  EXPECT_EQ(looked, 0u);
}

TEST(Stream, TellsOnceOfWhatIsWorthFetching) {
  Stream stream;
  uint64_t told = 0, times = 0;
  for (uint64_t at = 0; at < 200 << 20; at += 1 << 20) {
    stream.note(at, 1 << 20);
    const auto [from, until] = stream.next_to_fetch(at + (1 << 20));
    if (from == until) continue;
    EXPECT_EQ(from, std::max<uint64_t>(told, at + (1 << 20)));
    told = until;
    times++;
  }
  EXPECT_GE(told, uint64_t{216} << 20);
  EXPECT_LT(times, 16u);
  // Elsewhere, and back: told of again.
  for (const uint64_t start : {uint64_t{1} << 40, uint64_t{0}}) {
    uint64_t first = UINT64_MAX;
    for (uint64_t at = start; at < start + (8 << 20); at += 1 << 20) {
      stream.note(at, 1 << 20);
      const auto [from, until] = stream.next_to_fetch(at + (1 << 20));
      if (from != until) first = std::min(first, from);
    }
    EXPECT_LT(first, start + (8 << 20));
  }
}

// Packs in the folder of a repository, seen as if they lay elsewhere.
struct FarPacks {
  std::atomic<uint64_t> asked{0};
  std::shared_ptr<Remote> remote;

  explicit FarPacks(std::filesystem::path folder) {
    remote = std::make_shared<Remote>(64 << 20, [this, folder](const Remote::Request& request) {
      Bytes bytes(request.length);
      const Fd file = open_file(folder / request.name, O_RDONLY, "IO");
      bytes.resize(static_cast<size_t>(read_at(file.get(), bytes.data(), bytes.size(), request.offset)));
      asked += bytes.size();
      remote->deliver(request.number, bytes);
    });
  }
};

TEST(Image, FromAfarIsAskedForWellBeforeItIsOpened) {
  Dice dice(366);
  SmallRepository repo(65536, true);
  const Bytes disk = dice.bytes(48 << 20);
  repo.backup(disk);
  FarPacks far(repo.folder.path());
  const auto store = std::make_shared<ReadStore>(ReadStoreOptions{repo.vault, PackPlace("far", far.remote), 65536, 4 << 20, 1});
  const auto image = whole(open_point(repo, store, disk.size(), repo.chain));
  Stream stream;
  Bytes found(1 << 20);
  for (uint64_t at = 0; at < disk.size(); at += found.size()) {
    image->read(stream, at, found);
    ASSERT_TRUE(std::equal(found.begin(), found.end(), disk.begin() + static_cast<ptrdiff_t>(at))) << at;
    if (at > 8 << 20) {
      EXPECT_GE(far.asked, std::min<uint64_t>(disk.size(), at + (16 << 20)));
    }
  }
  EXPECT_LT(far.asked, disk.size() + (2 << 20)) << "nothing is fetched twice";
}

}  // namespace
}  // namespace strata::test
