#include "file_system.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "io.h"

namespace strata {
namespace {

constexpr uint32_t kAtOnce = 4096;

void command(const std::string& mounted_at, unsigned long request, const char* what) {
  const Fd folder(open(mounted_at.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ioctl(folder.get(), request, 0) != 0) throw Error("IO", what, errno, mounted_at);
}

}  // namespace

void clone_file(int from, int to) {
  if (ioctl(to, FICLONE, from) != 0) throw Error("IO", "cannot share its blocks", errno);
}

std::vector<FileExtent> file_extents(int fd) {
  std::vector<FileExtent> found;
  std::vector<uint64_t> room((sizeof(fiemap) + kAtOnce * sizeof(fiemap_extent)) / sizeof(uint64_t));  // aligned
  auto* map = reinterpret_cast<fiemap*>(room.data());
  for (uint64_t at = 0;;) {
    *map = fiemap{};
    map->fm_start = at;
    map->fm_length = FIEMAP_MAX_OFFSET - at;
    map->fm_flags = FIEMAP_FLAG_SYNC;
    map->fm_extent_count = kAtOnce;
    if (ioctl(fd, FS_IOC_FIEMAP, map) != 0) throw Error("IO", "cannot tell where its blocks lie", errno);
    for (uint32_t i = 0; i < map->fm_mapped_extents; i++) {
      const fiemap_extent& it = map->fm_extents[i];
      found.push_back({it.fe_logical, it.fe_physical, it.fe_length, it.fe_flags});
      at = it.fe_logical + it.fe_length;
    }
    if (map->fm_mapped_extents == 0 || (found.back().flags & FIEMAP_EXTENT_LAST) != 0) return found;
  }
}

void freeze_file_system(const std::string& mounted_at) { command(mounted_at, FIFREEZE, "cannot freeze"); }

void thaw_file_system(const std::string& mounted_at) { command(mounted_at, FITHAW, "cannot thaw"); }

}  // namespace strata
