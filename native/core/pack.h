// Packs: many frames in one object, with an index at its end (docs/format.md, Packs).
#pragma once
#include <list>
#include <map>
#include <mutex>
#include <optional>

#include "frame.h"
#include "io.h"
#include "pack_object.h"

namespace strata {

inline constexpr uint32_t kPackStart = 16;

struct PackedFrame {
  Digest digest;
  uint32_t offset, length, raw_length;
};

// Where a frame begins that is known to be damaged.
struct BadPlace {
  PackId pack;
  uint32_t offset;
  auto operator<=>(const BadPlace&) const = default;
};

// How a pack came to be: written front to back, or joined by the store of parts of others; such a one has no head.
enum class PackMaking { written, joined };

// What stands behind the frames of a pack, which end at `offset`: its index, and where that lies.
Bytes pack_end(FrameCodec& codec, const PackId& id, const std::vector<PackedFrame>& frames, uint32_t offset, PackMaking making);

// Writes one pack front to back.
class PackWriter {
 public:
  PackWriter(const std::string& path, const PackId& id);
  // Returns the frame's offset.
  uint32_t append(View frame, const Digest& digest, uint32_t raw_length);
  // The file, for frames that come as bytes of another; each is then named for the index.
  Appender& file() { return file_; }
  void name(const PackedFrame& frame) { frames_.push_back(frame); }
  void finish(FrameCodec& codec);
  const PackId& id() const { return id_; }
  const std::string& path() const { return file_.path(); }
  uint64_t size() const { return file_.size(); }
  const std::vector<PackedFrame>& frames() const { return frames_; }

 private:
  PackId id_;
  Appender file_;
  std::vector<PackedFrame> frames_;
};

// The index at the end of a pack, whose head and trailer must be a pack's. Throws PACK_MISSING, PACK_READ or FRAME_DAMAGED.
std::vector<PackedFrame> read_pack_index(FrameCodec& codec, const PackObject& pack, const PackId& id);

// The same of a pack that may be lost or damaged: then nothing.
std::optional<std::vector<PackedFrame>> readable_index(FrameCodec& codec, const PackFile& pack);

// From afar, one index after the other would take as many round trips: for so many packs they are asked for ahead.
inline constexpr size_t kIndexesAhead = 32;
// Has the index of a pack that lies elsewhere on its way.
void will_need_index(const PackFile& pack);

// The block frames of a pack by their own headers, for a pack whose index is damaged: nothing vouches for them, so who uses one must open it.
// Throws PACK_MISSING, PACK_READ when the pack cannot be opened; parts that cannot be read are passed over.
std::vector<PackedFrame> scan_frames(const PackObject& pack);

// Reads frames from the packs of a repository; shared by all threads of a run, keeps a bounded number of files open.
class PackFolder {
 public:
  explicit PackFolder(PackPlace place) : place_(std::move(place)) {}
  // `out.size()` bytes of the pack at `offset`. Throws PACK_MISSING, PACK_READ.
  void read(const PackId& id, uint64_t offset, std::span<uint8_t> out);
  // Whether what was read of a range, and is wrong, is worth reading once more.
  bool renew(const PackId& id, uint64_t offset, uint64_t length) { return open(id)->renew(offset, length); }
  // Has the system begin to read a range that is to be read soon. A failure shows when it is.
  void will_need(const PackId& id, uint64_t offset, uint64_t length) noexcept;
  // Of a pack of a folder, and for messages.
  std::string path(const PackId& id) const { return place_.path(id); }

  // The pack, open as long as somebody holds it. Throws PACK_MISSING, PACK_READ; of a pack that lies elsewhere only reading does.
  std::shared_ptr<const PackObject> open(const PackId& id);

 private:
  const PackPlace place_;
  std::mutex mutex_;
  std::list<std::pair<PackId, std::shared_ptr<const PackObject>>> recent_;
  std::map<PackId, decltype(recent_)::iterator> places_;
};

}  // namespace strata
