#include "export.h"

#include <unistd.h>

#include "failpoint.h"
#include "io.h"

namespace strata {

bool Export::run() {
  constexpr uint64_t kPart = 1 << 20, kPush = 64 << 20;
  Content& content = *options_.content;
  const uint64_t size = content.size();
  if (ftruncate(options_.fd, static_cast<off_t>(size)) != 0) throw Error("TARGET_WRITE", "cannot size the image", errno);
  Bytes part(kPart);
  Stream stream;
  uint64_t pushed = 0;
  Content::Run run{0, false};
  for (uint64_t offset = 0; offset < size;) {
    if (control_.cancelled()) return false;
    // Asked for once: to find the end of a long run costs more than to read a part of it.
    if (offset == run.end) run = content.run_at(offset);
    if (!run.data && options_.sparse) {
      position_ = offset = run.end;
      continue;
    }
    const auto length = static_cast<size_t>(std::min(kPart - offset % kPart, run.end - offset));
    const std::span<uint8_t> bytes(part.data(), length);
    try {
      content.read(stream, offset, bytes);
    } catch (const Error& error) {
      throw Error(error.code(), "image range " + std::to_string(offset) + "+" + std::to_string(length) + ": " + error.what(), 0, error.path());
    }
    if (const int broken = failpoint("native.restore.write")) throw Error("TARGET_WRITE", "cannot write the image at " + std::to_string(offset), broken);
    write_at(options_.fd, bytes, offset, "TARGET_WRITE", "");
    written_ += length;
    position_ = offset += length;
    // Its way to the disk begins early, so that the later fsync is short.
    if (offset - pushed >= kPush) {
      sync_file_range(options_.fd, static_cast<off_t>(pushed), static_cast<off_t>(offset - pushed), SYNC_FILE_RANGE_WRITE);
      pushed = offset;
    }
  }
  return true;
}

}  // namespace strata
