#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "callbacks.h"

namespace strata {
namespace {

// Has the entries of a folder made, when they are made on demand only; `tree` is a newer one then.
int look_into(std::shared_ptr<const Tree>& tree, const std::string& folder) {
  const auto found = tree->find(folder);
  if (found == tree->end() || found->second.kind != Node::Kind::folder || found->second.image == 0) return 0;
  std::shared_ptr<Content> none;
  const int error = served().images.get(found->second.image, none);
  tree = served().tree.load();
  return error;
}

int attributes(const Node& node, struct stat* out, const Content* content) {
  *out = {};
  out->st_uid = getuid();
  out->st_gid = getgid();
  out->st_nlink = 1;
  out->st_mtim.tv_sec = out->st_ctim.tv_sec = out->st_atim.tv_sec = node.seconds;
  out->st_blksize = kPreferredRead;
  uint64_t size = node.text.size();
  switch (node.kind) {
    case Node::Kind::folder:
      out->st_mode = S_IFDIR | 0555;
      out->st_nlink = 2;
      break;
    case Node::Kind::link:
      out->st_mode = S_IFLNK | 0777;
      break;
    case Node::Kind::text:
      out->st_mode = S_IFREG | 0444;
      break;
    case Node::Kind::image:
      out->st_mode = S_IFREG | (node.writable ? 0600 : 0444);
      if (content != nullptr)
        size = content->size();
      else if (node.size)
        size = *node.size;
      else if (const int error = served().images.size(node.image, size); error != 0)
        return -error;
      break;
  }
  out->st_size = static_cast<off_t>(size);
  out->st_blocks = static_cast<blkcnt_t>((size + 511) / 512);
  return 0;
}

int attributes(const OpenFile& file, struct stat* out) {
  const int result = attributes(*file.node, out, file.content.get());
  out->st_ino = inode_of(file.path);
  return result;
}

int getattr(const char* path, struct stat* out, fuse_file_info* info) {
  // Who has a file open goes on with it, also when its point is not shown any more.
  if (info != nullptr) return attributes(OpenFiles::of(info->fh), out);
  std::shared_ptr<const Tree> tree;
  if (const Node* const node = find_node(tree, path); node != nullptr) {
    const int result = attributes(*node, out, nullptr);
    out->st_ino = inode_of(path + 1);
    return result;
  }
  const auto open = served().files.find(path + 1);
  return open == nullptr ? -ENOENT : attributes(*open, out);
}

int readlink(const char* path, char* out, size_t size) {
  std::shared_ptr<const Tree> tree;
  const Node* const node = find_node(tree, path);
  if (node == nullptr) return -ENOENT;
  if (node->kind != Node::Kind::link) return -EINVAL;
  const size_t length = std::min(node->text.size(), size - 1);
  std::memcpy(out, node->text.data(), length);
  out[length] = 0;
  return 0;
}

// With nullpath_ok only this is told the path of a folder that is read.
int opendir(const char* path, fuse_file_info* info) {
  info->fh = reinterpret_cast<uint64_t>(new std::string(path));
  return 0;
}

int releasedir(const char*, fuse_file_info* info) {
  delete reinterpret_cast<std::string*>(info->fh);
  return 0;
}

int readdir(const char*, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info* info, fuse_readdir_flags) {
  const char* const path = reinterpret_cast<std::string*>(info->fh)->c_str();
  std::shared_ptr<const Tree> tree;
  const Node* node = find_node(tree, path);
  if (node == nullptr) return -ENOENT;
  if (node->kind != Node::Kind::folder) return -ENOTDIR;
  if (const int error = look_into(tree, path + 1); error != 0) return -error;
  if ((node = find_node(tree, path)) == nullptr) return -ENOENT;
  const std::string prefix = path[1] == 0 ? "" : std::string(path + 1) + "/";
  fill(buffer, ".", nullptr, 0, fuse_fill_dir_flags{});
  fill(buffer, "..", nullptr, 0, fuse_fill_dir_flags{});
  for (const std::string& name : node->names) {
    const auto child = tree->find(prefix + name);
    if (child == tree->end()) continue;
    struct stat known {};
    known.st_ino = inode_of(prefix + name);
    known.st_mode = child->second.kind == Node::Kind::folder ? S_IFDIR : child->second.kind == Node::Kind::link ? S_IFLNK : S_IFREG;
    if (fill(buffer, name.c_str(), &known, 0, fuse_fill_dir_flags{}) != 0) return -ENOMEM;
  }
  return 0;
}

int statfs(const char*, struct statvfs* out) {
  *out = {};
  out->f_bsize = out->f_frsize = 4096;
  out->f_namemax = 255;
  out->f_files = served().tree.load()->size();
  return 0;
}

int getxattr(const char* path, const char* name, char* out, size_t size) {
  std::shared_ptr<const Tree> tree;
  const Node* const node = find_node(tree, path);
  if (node == nullptr) return -ENOENT;
  for (const auto& [key, value] : node->attributes) {
    if (key != name) continue;
    if (size == 0) return static_cast<int>(value.size());
    if (value.size() > size) return -ERANGE;
    std::memcpy(out, value.data(), value.size());
    return static_cast<int>(value.size());
  }
  return -ENODATA;
}

int listxattr(const char* path, char* out, size_t size) {
  std::shared_ptr<const Tree> tree;
  const Node* const node = find_node(tree, path);
  if (node == nullptr) return -ENOENT;
  std::string names;
  for (const auto& [key, value] : node->attributes) names.append(key).push_back(0);
  if (size == 0) return static_cast<int>(names.size());
  if (names.size() > size) return -ERANGE;
  std::memcpy(out, names.data(), names.size());
  return static_cast<int>(names.size());
}

}  // namespace

const Node* find_node(std::shared_ptr<const Tree>& tree, const char* path) {
  const std::string name = path + 1;
  tree = served().tree.load();
  if (const auto found = tree->find(name); found != tree->end()) return &found->second;
  // It may be one of a folder that nobody has looked into yet.
  const size_t slash = name.rfind('/');
  if (slash == std::string::npos || look_into(tree, name.substr(0, slash)) != 0) return nullptr;
  const auto found = tree->find(name);
  return found != tree->end() ? &found->second : nullptr;
}

void add_name_callbacks(fuse_operations& out) {
  out.getattr = Caught<getattr>::call;
  out.readlink = Caught<readlink>::call;
  out.opendir = Caught<opendir>::call;
  out.readdir = Caught<readdir>::call;
  out.releasedir = Caught<releasedir>::call;
  out.statfs = Caught<statfs>::call;
  out.getxattr = Caught<getxattr>::call;
  out.listxattr = Caught<listxattr>::call;
}

}  // namespace strata
