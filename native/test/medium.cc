#include "medium.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace strata::test {
namespace {
ReadFault fault;
std::atomic<bool> bad{false};
}  // namespace

BadMedium::BadMedium(ReadFault it) {
  fault = std::move(it);
  bad = true;
}
BadMedium::~BadMedium() { bad = false; }

}  // namespace strata::test

// Takes the place of the C library's.
extern "C" ssize_t pread64(int fd, void* to, size_t count, off64_t offset) {
  using namespace strata::test;
  if (bad) {
    if (const int error = fault(fd, offset, count)) {
      errno = error;
      return -1;
    }
  }
  return syscall(SYS_pread64, fd, to, count, offset);
}
