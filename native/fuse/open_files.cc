#include "open_files.h"

#include <algorithm>

namespace strata {

uint64_t OpenFiles::add(std::shared_ptr<OpenFile> file) {
  const auto handle = reinterpret_cast<uint64_t>(file.get());
  const std::string path = file->path;
  const std::lock_guard lock(mutex_);
  files_.emplace(path, std::move(file));
  return handle;
}

void OpenFiles::remove(uint64_t handle) {
  std::shared_ptr<OpenFile> closed;  // after the lock, which may take long
  const std::lock_guard lock(mutex_);
  const auto [begin, end] = files_.equal_range(of(handle).path);
  const auto found = std::find_if(begin, end, [&](const auto& entry) { return entry.second.get() == &of(handle); });
  if (found == end) return;
  closed = std::move(found->second);
  files_.erase(found);
}

std::shared_ptr<const OpenFile> OpenFiles::find(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(path);
  return found == files_.end() ? nullptr : found->second;
}

size_t OpenFiles::count() const {
  const std::lock_guard lock(mutex_);
  return files_.size();
}

}  // namespace strata
