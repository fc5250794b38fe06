// Points of a small repository, open for reading; and single frames in packs of their own, for disks that are too large to be backed up.
#pragma once
#include "image.h"
#include "random_disk.h"
#include "small_repository.h"

namespace strata::test {

inline std::shared_ptr<ReadStore> open_store(const SmallRepository& repo, uint64_t cache_blocks = 20, unsigned threads = 2) {
  return std::make_shared<ReadStore>(ReadStoreOptions{repo.vault, repo.packs(), repo.block_size, cache_blocks * repo.block_size, threads});
}

inline std::shared_ptr<Point> open_point(const SmallRepository& repo, std::shared_ptr<ReadStore> store, uint64_t size, const std::vector<Layer>& chain) {
  return std::make_shared<Point>(std::move(store), chain, size, repo.folder.path(), Control());
}

// All of a disk, as one image.
inline std::shared_ptr<Image> whole(const std::shared_ptr<Point>& point) {
  std::vector<Image::Segment> segments;
  if (point->size() > 0) segments.push_back({0, Image::Kind::disk, 0});
  return std::make_shared<Image>(point, std::move(segments), Bytes(), point->size());
}

inline Bytes read(Content& content, uint64_t offset, size_t length) {
  Bytes out(length, 0xa5);
  Stream stream;
  content.read(stream, offset, out);
  return out;
}

inline std::vector<BlockEntry> entries_of(const Point& point) {
  std::vector<BlockEntry> out(point.map().blocks());
  point.map().read(0, out);
  return out;
}

inline std::string pack_path(const SmallRepository& repo, const ReadStore& store, const BlockEntry& entry) {
  return PackFolder(repo.packs()).path(const_cast<ReadStore&>(store).packs().id(entry.pack));
}

// A block in a pack of its own.
struct LooseBlock {
  PackId pack;
  Location place;
};
inline LooseBlock put_block(const SmallRepository& repo, const Bytes& raw, uint8_t number) {
  FrameCodec codec(repo.vault);
  const PackId id{0xee, number};
  const std::string path = PackFolder(repo.packs()).path(id);
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  PackWriter pack(path, id);
  const Digest digest = codec.digest(FrameType::block, raw);
  Bytes frame;
  codec.seal(FrameType::block, {}, raw, digest, 1, frame);
  const uint32_t offset = pack.append(frame, digest, static_cast<uint32_t>(raw.size()));
  pack.finish(codec);
  return {id, {0, offset, static_cast<uint32_t>(frame.size()), check_of(digest)}};
}

// A chain of one map that names these blocks.
inline std::vector<Layer> put_map(const SmallRepository& repo, uint64_t blocks, const std::map<uint64_t, LooseBlock>& named) {
  static int number = 0;
  FrameCodec codec(repo.vault);
  ColumnWriter<Location> location(repo.folder / "loose" + std::to_string(number++), codec);
  std::vector<PackId> packs;
  for (const auto& [block, it] : named) {
    Location place = it.place;
    place.pack = static_cast<uint32_t>(packs.size());
    packs.push_back(it.pack);
    location.data(block, place);
  }
  return {Layer{location.finish(packs), {}, blocks}};
}

// Changes a byte of a file; the destructor puts the right one back.
class Flipped {
 public:
  Flipped(const std::string& path, uint64_t at) : file_(open_file(path, O_RDWR, "IO")), at_(at) {
    read_exact(file_.get(), {&byte_, 1}, at_, "IO", path);
    put(static_cast<uint8_t>(byte_ ^ 0x10));
  }
  ~Flipped() { put(byte_); }

 private:
  void put(uint8_t byte) { write_at(file_.get(), {&byte, 1}, at_, "IO", ""); }
  Fd file_;
  uint64_t at_;
  uint8_t byte_ = 0;
};

}  // namespace strata::test
