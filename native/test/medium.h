// A medium with bad places: every pread of the test program passes here, and fails where the test says so. It stands for a broken disk,
// which no machine can be asked to have.
#pragma once
#include <sys/types.h>

#include <functional>

namespace strata::test {

// 0, or the errno that reading these bytes fails with. Called from many threads.
using ReadFault = std::function<int(int fd, off_t offset, size_t count)>;

class BadMedium {
 public:
  explicit BadMedium(ReadFault fault);
  ~BadMedium();
};

}  // namespace strata::test
