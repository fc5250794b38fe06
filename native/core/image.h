// An image file of a point: literal bytes, ranges of the disk and zeros, one after the other (src/mount/formats/segment.ts).
#pragma once
#include "content.h"
#include "read_store.h"

namespace strata {

// A point whose map is open; several images share it.
class Point {
 public:
  Point(std::shared_ptr<ReadStore> store, const std::vector<Layer>& chain, uint64_t size, const std::string& folder, const Control& control)
      : store_(std::move(store)), map_(store_->vault(), chain, store_->packs(), folder, control), size_(size) {}

  uint64_t size() const { return size_; }
  uint32_t block_size() const { return store_->block_size(); }
  const PointMap& map() const { return map_; }

  // Fills `out` with the disk's bytes from `offset`, zeros past its end, and has `ahead` bytes more opened by others.
  void read(uint64_t offset, std::span<uint8_t> out, uint64_t ahead);
  // Has what lies elsewhere of the disk's bytes on its way.
  void fetch(uint64_t offset, uint64_t length);
  bool is_far() const { return store_->is_far(); }

 private:
  const std::shared_ptr<ReadStore> store_;
  const PointMap map_;
  const uint64_t size_;
};

class Image : public Content {
 public:
  enum class Kind : uint8_t { literal, disk, zeros };
  struct Segment {
    uint64_t start;  // in the image
    Kind kind;
    uint64_t from;  // of the disk, or in the literal bytes
  };

  // `segments` ascend, the first begins at 0; all literal bytes lie in `literals`.
  Image(std::shared_ptr<Point> point, std::vector<Segment> segments, Bytes literals, uint64_t size);

  uint64_t size() const override { return size_; }
  void read(Stream& stream, uint64_t offset, std::span<uint8_t> out) override;
  Run run_at(uint64_t offset) override;

 private:
  size_t find(uint64_t offset) const;
  void fetch(Stream::Range range);
  uint64_t end_of(size_t segment) const { return segment + 1 < segments_.size() ? segments_[segment + 1].start : size_; }

  const std::shared_ptr<Point> point_;
  const std::vector<Segment> segments_;
  const Bytes literals_;
  const uint64_t size_;
};

}  // namespace strata
