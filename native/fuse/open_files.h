// The files that a mount has open. They are known by their path, too: the kernel asks for the attributes of an open file mostly without
// its handle (fstat), and libfuse passes on the path that it was opened by, which the tree may not show any more.
#pragma once
#include <mutex>
#include <unordered_map>

#include "../core/content.h"
#include "tree.h"

namespace strata {

// What a file handle stands for.
struct OpenFile {
  std::string path;  // from the mount's root, without a slash at its beginning
  std::shared_ptr<const Tree> tree;  // that its node lies in
  const Node* node = nullptr;
  std::shared_ptr<Content> content;  // null for a text file
  Stream stream;

  uint64_t size() const { return content ? content->size() : node->text.size(); }
};

class OpenFiles {
 public:
  // The handle of a file that is open from now on.
  uint64_t add(std::shared_ptr<OpenFile> file);

  // Closes a file.
  void remove(uint64_t handle);

  // One that was opened by this path; null when there is none.
  std::shared_ptr<const OpenFile> find(const std::string& path) const;

  size_t count() const;

  // An open file; only while its handle is in use.
  static OpenFile& of(uint64_t handle) { return *reinterpret_cast<OpenFile*>(handle); }

 private:
  mutable std::mutex mutex_;
  std::unordered_multimap<std::string, std::shared_ptr<OpenFile>> files_;
};

}  // namespace strata
