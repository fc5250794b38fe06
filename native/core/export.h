// Writes a content to a file, front to back; zeros become holes unless they are asked for.
#pragma once
#include "content.h"
#include "control.h"

namespace strata {

struct ExportOptions {
  std::shared_ptr<Content> content;
  int fd = -1;
  bool sparse = true;
};

struct ExportProgress {
  uint64_t position, bytes_written;
};

class Export {
 public:
  explicit Export(ExportOptions options) : options_(std::move(options)) {}
  // The file must be new and empty. Returns when all is written (not synced); false when cancelled.
  bool run();
  void cancel() { control_.cancel(); }
  ExportProgress progress() const { return {position_, written_}; }

 private:
  const ExportOptions options_;
  Control control_;
  std::atomic<uint64_t> position_{0}, written_{0};
};

}  // namespace strata
