#include "source.h"

#include <cerrno>

#include "failpoint.h"
#include "file_source.h"
#include "nbd_source.h"

namespace strata {
namespace {

constexpr size_t kSector = 512, kStep = 4096;
constexpr int kTries = 3;

// Errors that say "this place of the medium", not "this device is gone".
bool medium_error(int error) { return error == EIO || error == EILSEQ || error == EREMOTEIO || error == ENODATA || error == EBADMSG; }

}  // namespace

std::unique_ptr<Source> open_source(const SourcePlace& place, const Control& control) {
  if (place.kind == SourceKind::nbd) return std::make_unique<NbdSource>(place.nbd, control);
  return std::make_unique<FileSource>(place.path, place.fd, place.kind, place.size, control);
}

size_t Source::read_stream(uint8_t*, size_t) { throw Error("NATIVE_ARGUMENT", path_ + " is no stream"); }

Error Source::shrunk(uint64_t end) const {
  return Error("SOURCE_SIZE_CHANGED", path_ + " ended at " + std::to_string(end) + " while it was read", 0, path_);
}

void Source::read(uint64_t offset, size_t length, uint8_t* to, std::vector<Range>& unreadable) {
  const int broken = failpoint("native.source.read");
  const ssize_t got = broken != 0 ? -broken : attempt(offset, length, to);
  if (got == static_cast<ssize_t>(length)) return;
  if (got >= 0) throw shrunk(offset + static_cast<uint64_t>(got));
  if (!medium_error(static_cast<int>(-got))) throw Error("SOURCE_READ", "cannot read " + path_ + " at " + std::to_string(offset), static_cast<int>(-got), path_);
  rescue(offset, length, to, unreadable);
}

void Source::rescue(uint64_t offset, size_t length, uint8_t* to, std::vector<Range>& unreadable) {
  const auto tried = [&](uint64_t at, size_t count) {
    for (int i = 0; i < kTries && !control_.stopping(); i++) {
      const int broken = failpoint("native.source.rescue");
      const ssize_t got = broken != 0 ? -broken : attempt_small(at, count, to + (at - offset));
      if (got == static_cast<ssize_t>(count)) return true;
      if (got >= 0 || !medium_error(static_cast<int>(-got)))
        throw Error("SOURCE_READ", "cannot read " + path_ + " at " + std::to_string(at), got < 0 ? static_cast<int>(-got) : 0, path_);
    }
    return false;
  };
  for (uint64_t at = offset; at < offset + length; at += kStep) {
    const size_t step = std::min<size_t>(kStep, offset + length - at);
    if (tried(at, step)) continue;
    for (uint64_t sector = at; sector < at + step; sector += kSector) {
      const size_t count = std::min<size_t>(kSector, at + step - sector);
      if (tried(sector, count)) continue;
      memset(to + (sector - offset), 0, count);
      add_range(unreadable, {sector, count});
    }
  }
}

}  // namespace strata
