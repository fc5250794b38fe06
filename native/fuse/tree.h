// The names that a mount shows: made by TypeScript, replaced as a whole when points come and go.
#pragma once
#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace strata {

struct Node {
  enum class Kind : uint8_t { folder, link, text, image };
  Kind kind = Kind::folder;
  bool writable = false;
  int64_t seconds = 0;  // since 1970: when it changed
  std::string text;     // a link's target, a text file's content
  uint64_t image = 0;   // number by which an image, or a folder whose entries are not made yet, is asked for
  std::optional<uint64_t> size;  // of an image, when it is known without it
  std::vector<std::pair<std::string, std::string>> attributes;  // extended ones, by full name
  std::vector<std::string> names;                               // of a folder's entries
};

// By path from the mount's root; the root is "".
using Tree = std::unordered_map<std::string, Node>;

// The same for the same path, whenever and by whomever it is mounted.
inline uint64_t inode_of(const std::string& path) {
  if (path.empty()) return 1;
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : path) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash < 2 ? hash + 2 : hash;
}

}  // namespace strata
