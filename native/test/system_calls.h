// What the code under test asks of the system, watched and made to fail: an open without nameless files, a full disk, a sync that fails,
// and the order of writes and syncs that a loss of power depends on. Reads are those of medium.h.
#pragma once
#include <sys/types.h>

#include <functional>

#include "bytes.h"

namespace strata::test {

// Each is called before the call that it is named for, on any thread, and returns the errno that this call fails with; 0: it is made.
struct SystemCalls {
  std::function<int(const std::string& path, int flags)> open;
  std::function<int(int fd, View bytes, uint64_t offset)> write;
  std::function<int(int fd, uint64_t offset, uint64_t length)> punch;
  std::function<int(int fd)> sync;
  std::function<int(int fd, int whence)> seek;
  std::function<int(int to)> clone;  // FICLONE, FICLONERANGE
  std::function<int(int to)> copy;   // copy_file_range
};

// In force while it lives; one at a time.
class WatchedCalls {
 public:
  explicit WatchedCalls(SystemCalls calls);
  ~WatchedCalls();
  WatchedCalls(const WatchedCalls&) = delete;
};

}  // namespace strata::test
