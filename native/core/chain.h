// A chain of maps read as one: the streaming k-way merge in which the newest map that names a block wins.
//
// Each layer is a sorted run of spans, read page by page. A heap holds the layers by the start of what they have next, newest
// first on a tie. The smallest is taken and cut where a newer layer begins; older ones skip what it hides. So the memory is one page
// a layer, and the time O(entries · log layers), whatever the disk's size.
#pragma once
#include <algorithm>

#include "column.h"

namespace strata {

// One map of a chain; `blocks` is the number of blocks of its point's disk.
struct Layer {
  ColumnRef location, digest;
  uint64_t blocks = 0;
  template <typename Entry>
  const ColumnRef& column() const {
    if constexpr (std::is_same_v<Entry, Location>) return location;
    else return digest;
  }
};

template <typename Entry>
class ChainReader {
 public:
  // A run of blocks of one kind and, for data, one entry a block; valid until the next call. `layer` tells whose packs the entries name.
  struct Piece {
    uint64_t start = 0, count = 0;
    Kind kind = Kind::zero;
    const Entry* entries = nullptr;
    size_t layer = 0;
    uint64_t end() const { return start + count; }
  };

  // Layers newest first. Starts at block `from`.
  ChainReader(const std::vector<Layer>& layers, FrameCodec& codec, uint64_t from = 0) : codec_(codec), position_(from) {
    uint64_t limit = UINT64_MAX;
    cursors_.reserve(layers.size());
    for (const Layer& it : layers) {
      // What a newer point's disk had no room for is gone, also when the disk grew again later.
      limit = std::min(limit, it.blocks);
      cursors_.emplace_back(Column<Entry>(it.template column<Entry>(), codec), limit);
      if (cursors_.back().skip_to(from, codec_)) heap_.push_back(cursors_.size() - 1);
    }
    std::make_heap(heap_.begin(), heap_.end(), Later{this});
  }

  const Column<Entry>& column(size_t layer) const { return cursors_[layer].column; }
  size_t layers() const { return cursors_.size(); }

  // The next piece in ascending order, or false at the end of the chain. Blocks between pieces are zero.
  bool next(Piece& out) {
    while (!heap_.empty()) {
      const size_t layer = pop();
      Cursor& it = cursors_[layer];
      if (it.start() < position_) {
        if (it.skip_to(position_, codec_)) push(layer);
        continue;
      }
      const uint64_t start = it.start();
      const uint64_t end = visible_end(layer);
      out = {start, end - start, it.kind(), it.entries(), layer};
      position_ = end;
      // The piece points into the layer's page, so the layer moves on only at the next call.
      pending_ = layer;
      return true;
    }
    if (pending_ == kNone) return false;
    release();
    return next(out);
  }

 private:
  static constexpr size_t kNone = SIZE_MAX;

  struct Cursor {
    Cursor(Column<Entry> column_, uint64_t limit_) : column(std::move(column_)), limit(limit_) {}
    Column<Entry> column;
    uint64_t limit, at = 0;
    Page<Entry> page;
    size_t next_page = 0, span = 0, entry = 0;

    uint64_t start() const { return at; }
    uint64_t end() const { return std::min(page.spans[span].end(), limit); }
    Kind kind() const { return page.spans[span].kind; }
    const Entry* entries() const {
      return kind() == Kind::data ? page.entries.data() + entry + (at - page.spans[span].start) : nullptr;
    }

    // Moves to the first named block at or after `block`; false when there is none below the limit.
    bool skip_to(uint64_t block, FrameCodec& codec) {
      while (true) {
        for (; span < page.spans.size(); span++) {
          const Span& it = page.spans[span];
          if (it.end() > block) {
            at = std::max(it.start, block);
            return at < limit;
          }
          if (it.kind == Kind::data) entry += it.count;
        }
        const auto& pages = column.pages();
        const auto found = std::partition_point(pages.begin() + static_cast<ptrdiff_t>(next_page), pages.end(),
                                                [&](const PageRef& ref) { return ref.end <= block; });
        if (found == pages.end() || found->first >= limit) return false;
        const auto number = static_cast<size_t>(found - pages.begin());
        page = column.load(number, codec);
        next_page = number + 1;
        span = entry = 0;
      }
    }
  };

  // Heap order: the front is the smallest start, the newest layer on a tie.
  struct Later {
    const ChainReader* chain;
    bool operator()(size_t a, size_t b) const {
      const uint64_t x = chain->cursors_[a].start(), y = chain->cursors_[b].start();
      return x != y ? x > y : a > b;
    }
  };

  void push(size_t layer) {
    heap_.push_back(layer);
    std::push_heap(heap_.begin(), heap_.end(), Later{this});
  }

  void release() {
    const size_t layer = std::exchange(pending_, kNone);
    if (cursors_[layer].skip_to(position_, codec_)) push(layer);
  }

  // Where the span that `layer` has next stops being the newest. Older layers are moved past what it hides.
  uint64_t visible_end(size_t layer) {
    const uint64_t end = cursors_[layer].end();
    while (!heap_.empty() && cursors_[heap_.front()].start() < end) {
      const size_t other = heap_.front();
      if (other < layer) return cursors_[other].start();
      std::pop_heap(heap_.begin(), heap_.end(), Later{this});
      heap_.pop_back();
      if (cursors_[other].skip_to(end, codec_)) push(other);
    }
    return end;
  }

  size_t pop() {
    if (pending_ != kNone) release();
    std::pop_heap(heap_.begin(), heap_.end(), Later{this});
    const size_t layer = heap_.back();
    heap_.pop_back();
    return layer;
  }

  FrameCodec& codec_;
  uint64_t position_;
  std::vector<Cursor> cursors_;
  std::vector<size_t> heap_;
  size_t pending_ = kNone;
};

// The same, taken in windows of blocks: what a run over a disk needs, one window after the other.
template <typename Entry>
class ChainWindow {
 public:
  ChainWindow(const std::vector<Layer>& layers, FrameCodec& codec, uint64_t from = 0) : chain_(layers, codec, from) { more_ = chain_.next(piece_); }

  const Column<Entry>& column(size_t layer) const { return chain_.column(layer); }

  // First data block at or after the position, or UINT64_MAX. Zero runs are passed over.
  uint64_t next_data(uint64_t position) {
    drop_before(position);
    while (more_ && piece_.kind == Kind::zero) more_ = chain_.next(piece_);
    return more_ ? std::max(piece_.start, position) : UINT64_MAX;
  }

  // Calls data(block, entry, layer) for the data blocks in [start, start + count); the rest of them is zero. Windows must ascend.
  template <typename Each>
  void take(uint64_t start, uint64_t count, Each&& data) {
    const uint64_t end = start + count;
    drop_before(start);
    while (more_ && piece_.start < end) {
      if (piece_.kind == Kind::data)
        for (uint64_t block = std::max(piece_.start, start); block < std::min(piece_.end(), end); block++)
          data(block, piece_.entries[block - piece_.start], piece_.layer);
      if (piece_.end() > end) return;
      more_ = chain_.next(piece_);
    }
  }

 private:
  void drop_before(uint64_t position) {
    while (more_ && piece_.end() <= position) more_ = chain_.next(piece_);
  }
  ChainReader<Entry> chain_;
  typename ChainReader<Entry>::Piece piece_;
  bool more_ = false;
};

}  // namespace strata
