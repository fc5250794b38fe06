// What a mount shows and what is counted of its use: libfuse's threads work on it.
#pragma once
#include <atomic>

#include "images.h"
#include "open_files.h"
#include "tree.h"

namespace strata {

struct Served {
  // A read or a write that failed.
  struct Damage {
    uint64_t image, offset, length;
    std::string code, message;
  };

  std::atomic<std::shared_ptr<const Tree>> tree;
  Images images;
  OpenFiles files;
  const std::function<void()> ready;
  const std::function<void(Damage)> damaged;
  std::atomic<uint64_t> reads{0}, bytes{0}, errors{0};
};

}  // namespace strata
