#include "pack.h"

#include <gtest/gtest.h>

#include "code_of.h"
#include "dice.h"
#include "sample_vault.h"
#include "temp_folder.h"

namespace strata::test {
namespace {

const PackId kId = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 7};

Bytes content_of(const std::string& path) {
  const Fd fd = open_file(path, O_RDONLY, "IO");
  Bytes out(std::filesystem::file_size(path));
  read_exact(fd.get(), out, 0, "IO", path);
  return out;
}

void put_file(const std::string& path, View bytes) {
  write_at(open_file(path, O_WRONLY | O_CREAT, "IO").get(), bytes, 0, "IO", path);
  std::filesystem::resize_file(path, bytes.size());
}

class Pack : public testing::TestWithParam<bool> {
 protected:
  // A pack of `count` frames under `path`.
  std::vector<PackedFrame> write(const std::string& path, size_t count) {
    PackWriter pack(path, kId);
    for (size_t i = 0; i < count; i++) {
      const Bytes raw = dice_.bytes(dice_.between(1, 300));
      const Digest digest = codec_.digest(FrameType::block, raw);
      Bytes frame;
      codec_.seal(FrameType::block, {}, raw, digest, 1, frame);
      pack.append(frame, digest, static_cast<uint32_t>(raw.size()));
    }
    pack.finish(codec_);
    EXPECT_EQ(pack.size(), std::filesystem::file_size(path));
    return pack.frames();
  }

  TempFolder folder_;
  FrameCodec codec_{sample_vault(GetParam())};
  Dice dice_{4};
};
INSTANTIATE_TEST_SUITE_P(, Pack, testing::Bool(), [](const auto& sealed) { return sealed.param ? "Sealed" : "Plain"; });

TEST_P(Pack, TellsItsFrames) {
  for (const size_t count : {0, 1, 2, 1000}) {
    const std::string path = folder_ / std::to_string(count);
    const auto written = write(path, count);
    const auto found = read_pack_index(codec_, *open_pack_file(path), kId);
    ASSERT_EQ(found.size(), count);
    const Bytes content = content_of(path);
    for (size_t i = 0; i < count; i++) {
      EXPECT_EQ(found[i].digest, written[i].digest);
      EXPECT_EQ(found[i].offset, written[i].offset);
      EXPECT_EQ(found[i].length, written[i].length);
      EXPECT_EQ(found[i].raw_length, written[i].raw_length);
      Bytes raw;
      codec_.open(FrameType::block, {}, View(content).subspan(found[i].offset, found[i].length), raw, Check::digest);
      EXPECT_EQ(raw.size(), found[i].raw_length);
    }
  }
}

TEST_P(Pack, UnderAnotherNameIsRefusedWhenSealed) {
  write(folder_ / "pack", 3);
  PackId other = kId;
  other[15]++;
  EXPECT_EQ(code_of([&] { read_pack_index(codec_, *open_pack_file(folder_ / "pack"), other); }), GetParam() ? "FRAME_DAMAGED" : "no error");
}

TEST_P(Pack, ThatBeginsOrEndsOtherwiseIsRefused) {
  write(folder_ / "pack", 3);
  const Bytes whole = content_of(folder_ / "pack");
  for (size_t i = 0; i < 32; i++) {
    Bytes changed = whole;
    changed[i < 16 ? i : whole.size() - 32 + i] ^= 1;
    put_file(folder_ / "pack", changed);
    EXPECT_EQ(code_of([&] { read_pack_index(codec_, *open_pack_file(folder_ / "pack"), kId); }), "FRAME_DAMAGED") << i;
  }
  EXPECT_EQ(code_of([&] { read_pack_index(codec_, *open_pack_file(folder_ / "none"), kId); }), "PACK_MISSING");
}

TEST_P(Pack, CutOffIsRefused) {
  write(folder_ / "pack", 20);
  for (size_t size = std::filesystem::file_size(folder_ / "pack"); size-- > 0;) {
    std::filesystem::resize_file(folder_ / "pack", size);
    ASSERT_EQ(code_of([&] { read_pack_index(codec_, *open_pack_file(folder_ / "pack"), kId); }), "FRAME_DAMAGED") << size;
  }
}

TEST_P(Pack, WithGarbageInItsIndexIsRefusedOrStillRight) {
  const auto written = write(folder_ / "pack", 20);
  const Bytes whole = content_of(folder_ / "pack");
  const size_t end_of_frames = written.back().offset + written.back().length;
  for (int i = 0; i < 4000; i++) {
    Bytes changed = whole;
    for (uint64_t changes = dice_.between(1, 4); changes > 0; changes--)
      changed[dice_.between(end_of_frames, changed.size() - 1)] = static_cast<uint8_t>(dice_.next());
    put_file(folder_ / "pack", changed);
    const std::string code = code_of([&] {
      const auto found = read_pack_index(codec_, *open_pack_file(folder_ / "pack"), kId);
      ASSERT_EQ(found.size(), written.size());
      for (size_t at = 0; at < found.size(); at++) ASSERT_EQ(found[at].digest, written[at].digest);
    });
    ASSERT_TRUE(code == "FRAME_DAMAGED" || code == "no error") << code;
  }
}

// Without encryption anybody can make an index that opens: what it says is still checked.
TEST(PackIndex, ThatPointsOutsideItsPackIsRefused) {
  TempFolder folder;
  FrameCodec codec(sample_vault(false));
  const auto with_index = [&](View raw) {
    Bytes pack, end;
    put_bytes(pack, view("STRPACK1"));
    pack.resize(16 + 200);
    const auto length = static_cast<uint32_t>(codec.seal(FrameType::pack_index, kId, raw, codec.digest(FrameType::pack_index, raw), 1, end));
    put_bytes(pack, end);
    put(pack, uint32_t{216});
    put(pack, length);
    put_bytes(pack, view("STRPEND1"));
    put_file(folder / "pack", pack);
    return code_of([&] { read_pack_index(codec, *open_pack_file(folder / "pack"), kId); });
  };
  const auto entry = [](uint32_t count, uint32_t offset, uint32_t length) {
    Bytes raw;
    put(raw, count);
    raw.resize(36);
    put(raw, offset);
    put(raw, length);
    put(raw, uint32_t{100});
    return raw;
  };
  EXPECT_EQ(with_index(entry(1, 16, 200)), "no error");
  EXPECT_EQ(with_index(entry(1, 15, 200)), "FRAME_DAMAGED");
  EXPECT_EQ(with_index(entry(1, 17, 200)), "FRAME_DAMAGED");
  EXPECT_EQ(with_index(entry(1, 16, 79)), "FRAME_DAMAGED");
  EXPECT_EQ(with_index(entry(1, UINT32_MAX, UINT32_MAX)), "FRAME_DAMAGED");
  EXPECT_EQ(with_index(entry(2, 16, 200)), "FRAME_DAMAGED");
  EXPECT_EQ(with_index(entry(UINT32_MAX, 16, 200)), "FRAME_DAMAGED");
  EXPECT_EQ(with_index({}), "FRAME_DAMAGED");

  Dice dice(5);
  for (int i = 0; i < 3000; i++) {
    Bytes raw = entry(1, 16, 200);
    for (uint64_t changes = dice.between(1, 3); changes > 0; changes--) raw[dice.below(raw.size())] = static_cast<uint8_t>(dice.next());
    raw.resize(dice.chance(80) ? raw.size() : dice.below(100));
    const std::string code = with_index(raw);
    ASSERT_TRUE(code == "FRAME_DAMAGED" || code == "no error") << code;
  }
}

TEST(PackFolder, ReadsFromManyPacksWithFewOpenFiles) {
  TempFolder folder;
  constexpr uint32_t kPacks = 200;
  const auto id_of = [](uint32_t number) {
    PackId id = kId;
    memcpy(id.data() + 12, &number, sizeof number);
    return id;
  };
  for (uint32_t i = 0; i < kPacks; i++) {
    const std::string name = hex(id_of(i)), sub = folder / name.substr(30);
    std::filesystem::create_directories(sub);
    Bytes content(8);
    memcpy(content.data() + 4, &i, sizeof i);
    put_file(sub + "/" + name, content);
  }
  const auto open_files = [] { return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}); };
  const auto before = open_files();
  {
    PackFolder packs(folder.path());
    Dice dice(6);
    for (int i = 0; i < 2000; i++) {
      const auto number = static_cast<uint32_t>(dice.below(kPacks));
      uint32_t found;
      packs.read(id_of(number), 4, {reinterpret_cast<uint8_t*>(&found), sizeof found});
      ASSERT_EQ(found, number);
    }
    EXPECT_LE(open_files() - before, 64);
    uint8_t more[8];
    EXPECT_EQ(code_of([&] { packs.read(id_of(1), 1, more); }), "PACK_READ") << "it ends too early";
    EXPECT_EQ(code_of([&] { packs.read(id_of(kPacks), 0, more); }), "PACK_MISSING");
  }
  EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace strata::test
