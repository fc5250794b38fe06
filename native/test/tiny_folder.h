// Places with little room.
#pragma once
#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>

#include "io.h"
#include "temp_folder.h"

namespace strata::test {

// A tmpfs that has no name and is gone with its descriptor.
class TinyFolder {
 public:
  explicit TinyFolder(size_t bytes) {
    const TempFolder place;
    const std::string words = "size=" + std::to_string(bytes);
    if (mount("tmpfs", place.path().c_str(), "tmpfs", 0, words.c_str()) != 0) return;
    fd_ = Fd(open(place.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    umount2(place.path().c_str(), MNT_DETACH);
  }

  // Whether there is one: only root may mount.
  explicit operator bool() const { return static_cast<bool>(fd_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }
  std::string operator/(const std::string& name) const { return path() + "/" + name; }

 private:
  Fd fd_;
};

// Files of this process end at a size: the failed write's errno is EFBIG.
class SmallFiles {
 public:
  explicit SmallFiles(uint64_t most) : old_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small = {most, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallFiles() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, old_);
  }

 private:
  rlimit before_;
  void (*old_)(int);
};

}  // namespace strata::test
