#include <algorithm>
#include <cstring>

#include "callbacks.h"

namespace strata {
namespace {

int open(const char* path, fuse_file_info* info) {
  const auto file = std::make_shared<OpenFile>();
  file->path = path + 1;
  file->node = find_node(file->tree, path);
  if (file->node == nullptr) return -ENOENT;
  if (file->node->kind == Node::Kind::folder) return -EISDIR;
  if ((info->flags & O_ACCMODE) != O_RDONLY && !file->node->writable) return -EROFS;
  if (file->node->kind == Node::Kind::image)
    if (const int error = served().images.get(file->node->image, file->content); error != 0) return -error;
  info->keep_cache = 1;
  info->fh = served().files.add(file);
  return 0;
}

int release(const char*, fuse_file_info* info) {
  served().files.remove(info->fh);
  return 0;
}

// Runs `body` and makes of what it throws an event and an errno.
template <typename Body>
int guarded(const OpenFile& file, uint64_t offset, uint64_t length, Body body) {
  try {
    body();
    return 0;
  } catch (const Error& error) {
    served().errors++;
    served().damaged({file.node->image, offset, length, error.code(), error.what()});
    return error.code() == "OVERLAY_WRITE" && error.system() != 0 ? -error.system() : -EIO;
  } catch (const std::bad_alloc&) {
    served().errors++;
    return -ENOMEM;
  }
}

int read(const char*, char* out, size_t length, off_t at, fuse_file_info* info) {
  OpenFile& file = OpenFiles::of(info->fh);
  const auto offset = static_cast<uint64_t>(at);
  const uint64_t size = file.size();
  if (offset >= size) return 0;
  length = static_cast<size_t>(std::min<uint64_t>(length, size - offset));
  served().reads++;
  served().bytes += length;
  if (!file.content) {
    std::memcpy(out, file.node->text.data() + offset, length);
    return static_cast<int>(length);
  }
  const int result = guarded(file, offset, length, [&] { file.content->read(file.stream, offset, {reinterpret_cast<uint8_t*>(out), length}); });
  return result == 0 ? static_cast<int>(length) : result;
}

int write(const char*, const char* bytes, size_t length, off_t at, fuse_file_info* info) {
  const OpenFile& file = OpenFiles::of(info->fh);
  const auto offset = static_cast<uint64_t>(at);
  // A disk does not grow.
  if (offset >= file.content->size() || length > file.content->size() - offset) return -ENOSPC;
  const int result = guarded(file, offset, length, [&] { file.content->write(offset, {reinterpret_cast<const uint8_t*>(bytes), length}); });
  return result == 0 ? static_cast<int>(length) : result;
}

int fsync(const char*, int, fuse_file_info* info) {
  const OpenFile& file = OpenFiles::of(info->fh);
  return file.content ? guarded(file, 0, 0, [&] { file.content->flush(); }) : 0;
}

// Discards and writes of zeros, as loop devices send them.
int fallocate(const char*, int mode, off_t at, off_t length, fuse_file_info* info) {
  const OpenFile& file = OpenFiles::of(info->fh);
  if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0 || (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) == 0)
    return -EOPNOTSUPP;
  if (!file.content || !file.content->writable()) return -EROFS;
  const auto offset = static_cast<uint64_t>(at), count = static_cast<uint64_t>(length), size = file.content->size();
  if (offset >= size || count > size - offset) return -ENOSPC;
  return guarded(file, offset, count, [&] { file.content->zero(offset, count); });
}

off_t lseek(const char*, off_t at, int whence, fuse_file_info* info) {
  const OpenFile& file = OpenFiles::of(info->fh);
  const uint64_t size = file.size();
  auto offset = static_cast<uint64_t>(at);
  if (whence != SEEK_DATA && whence != SEEK_HOLE) return -EINVAL;
  if (at < 0 || offset >= size) return -ENXIO;
  if (!file.content) return whence == SEEK_DATA ? at : static_cast<off_t>(size);
  off_t found = 0;
  const int result = guarded(file, offset, 0, [&] {
    while (offset < size) {
      const Content::Run run = file.content->run_at(offset);
      if (run.data == (whence == SEEK_DATA)) break;
      offset = run.end;
    }
    found = static_cast<off_t>(offset);
  });
  if (result != 0) return result;
  return whence == SEEK_DATA && offset >= size ? -ENXIO : found;
}

}  // namespace

void add_file_callbacks(fuse_operations& out) {
  out.open = Caught<open>::call;
  out.release = Caught<release>::call;
  out.read = Caught<read>::call;
  out.write = Caught<write>::call;
  out.fsync = Caught<fsync>::call;
  out.fallocate = Caught<fallocate>::call;
  out.lseek = Caught<lseek>::call;
}

}  // namespace strata
