#include "system_calls.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>

namespace strata::test {
namespace {

SystemCalls calls;
std::atomic<bool> watching{false};

// The function that would be called without this file: the C library's, or a sanitizer's in front of it.
template <typename Function>
Function* original(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

template <typename Watch, typename... Arguments>
bool fails(const Watch& watch, const Arguments&... arguments) {
  const int error = watch ? watch(arguments...) : 0;
  if (error != 0) errno = error;
  return error != 0;
}

}  // namespace

WatchedCalls::WatchedCalls(SystemCalls it) {
  calls = std::move(it);
  watching = true;
}
WatchedCalls::~WatchedCalls() { watching = false; }

}  // namespace strata::test

using namespace strata::test;

extern "C" int open64(const char* path, int flags, ...) {
  static auto* const real = original<int(const char*, int, ...)>("open64");
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (watching && fails(calls.open, std::string(path), flags)) return -1;
  return real(path, flags, mode);
}

extern "C" ssize_t pwrite64(int fd, const void* from, size_t count, off64_t offset) {
  static auto* const real = original<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  if (watching && fails(calls.write, fd, strata::View(static_cast<const uint8_t*>(from), count), static_cast<uint64_t>(offset))) return -1;
  return real(fd, from, count, offset);
}

extern "C" int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  static auto* const real = original<int(int, int, off64_t, off64_t)>("fallocate64");
  if (watching && (mode & FALLOC_FL_PUNCH_HOLE) != 0 && fails(calls.punch, fd, static_cast<uint64_t>(offset), static_cast<uint64_t>(length))) return -1;
  return real(fd, mode, offset, length);
}

extern "C" int fdatasync(int fd) {
  static auto* const real = original<int(int)>("fdatasync");
  if (watching && fails(calls.sync, fd)) return -1;
  return real(fd);
}

extern "C" off64_t lseek64(int fd, off64_t offset, int whence) noexcept {
  static auto* const real = original<off64_t(int, off64_t, int)>("lseek64");
  if (watching && fails(calls.seek, fd, whence)) return -1;
  return real(fd, offset, whence);
}

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  static auto* const real = original<int(int, unsigned long, ...)>("ioctl");
  va_list rest;
  va_start(rest, request);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  if (watching && (request == FICLONE || request == FICLONERANGE) && fails(calls.clone, fd)) return -1;
  return real(fd, request, argument);
}

extern "C" ssize_t copy_file_range(int from, off64_t* in, int to, off64_t* out, size_t count, unsigned flags) {
  static auto* const real = original<ssize_t(int, off64_t*, int, off64_t*, size_t, unsigned)>("copy_file_range");
  if (watching && fails(calls.copy, to)) return -1;
  return real(from, in, to, out, count, flags);
}
