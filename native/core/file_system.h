// What Linux's file systems do for a snapshot: files that share blocks, where a file's blocks lie, and standing still.
#pragma once
#include <vector>

#include "error.h"

namespace strata {

// A part of a file as FIEMAP tells it; `flags` are FIEMAP_EXTENT_*.
struct FileExtent {
  uint64_t logical, physical, length;
  uint32_t flags;
};

// Makes `to` share all blocks of `from`, as they are at one instant (FICLONE).
void clone_file(int from, int to);

// All extents of a file, in order, after what waits to be written has its place.
std::vector<FileExtent> file_extents(int fd);

// Nothing is written to a frozen file system until it is thawed; thawing one that is not frozen fails with EINVAL.
void freeze_file_system(const std::string& mounted_at);
void thaw_file_system(const std::string& mounted_at);

}  // namespace strata
