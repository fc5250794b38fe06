// A file system of a kind on a loop device, for what only some can do.
#pragma once
#include <sys/mount.h>

#include <cstdlib>

#include "io.h"
#include "temp_folder.h"

namespace strata::test {

class LoopFileSystem {
 public:
  // `make` is the command that makes the file system; the image is its last word.
  explicit LoopFileSystem(const std::string& make) {
    const std::string image = folder_ / "image";
    mounted_ = folder_ / "mounted";
    std::filesystem::create_directory(mounted_);
    if (ftruncate(open_file(image, O_RDWR | O_CREAT, "IO").get(), 512 << 20) != 0) return;
    there_ = system((make + " " + image + " >/dev/null 2>&1 && mount -o loop " + image + " " + mounted_ + " 2>/dev/null").c_str()) == 0;
  }
  ~LoopFileSystem() {
    if (there_) umount2(mounted_.c_str(), MNT_DETACH);
  }
  LoopFileSystem(const LoopFileSystem&) = delete;

  // Whether there is one: only root may mount, and not every machine has every kind.
  explicit operator bool() const { return there_; }
  const std::string& path() const { return mounted_; }

 private:
  TempFolder folder_;
  std::string mounted_;
  bool there_ = false;
};

// Temporary folders are made there while it lives.
class TemporaryPlace {
 public:
  explicit TemporaryPlace(const std::string& path) : before_(getenv("TMPDIR") == nullptr ? "" : getenv("TMPDIR")) { setenv("TMPDIR", path.c_str(), 1); }
  ~TemporaryPlace() { before_.empty() ? unsetenv("TMPDIR") : setenv("TMPDIR", before_.c_str(), 1); }

 private:
  std::string before_;
};

}  // namespace strata::test
