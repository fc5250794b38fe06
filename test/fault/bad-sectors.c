/* Makes sectors of one file unreadable for a process: LD_PRELOAD this, with
   BAD_FILE=path, BAD_SECTORS="offset+length,..." and BAD_TRIES=n (so many reads fail; all when absent). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long failed;

static int is_bad(int fd, size_t count, off_t offset) {
  const char *file = getenv("BAD_FILE"), *sectors = getenv("BAD_SECTORS"), *tries = getenv("BAD_TRIES");
  if (!file || !sectors) return 0;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (strcmp(path, file) != 0) return 0;
  for (const char *at = sectors; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
    long long start, size;
    if (sscanf(at, "%lld+%lld", &start, &size) != 2) abort();
    if (offset >= start + size || offset + (off_t)count <= start) continue;
    return !tries || atomic_fetch_add(&failed, 1) < atol(tries);
  }
  return 0;
}

#define READS(NAME)                                                                 \
  ssize_t NAME(int fd, void *to, size_t count, off_t offset) {                      \
    static ssize_t (*next)(int, void *, size_t, off_t);                             \
    if (!next) next = (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, #NAME); \
    if (!is_bad(fd, count, offset)) return next(fd, to, count, offset);             \
    errno = EIO;                                                                    \
    return -1;                                                                      \
  }

READS(pread)
READS(pread64)
