#include "session.h"

#define FUSE_USE_VERSION 312
#include <fuse.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

namespace strata {

namespace {
constexpr int kBlock = 1 << 20;  // what readers should ask for at once
const int kWake = SIGRTMIN + 6;

// What a file handle stands for.
struct OpenFile {
  std::shared_ptr<Content> content;  // null for a text file
  std::shared_ptr<const Tree> tree;  // that its node lies in
  const Node* node;
  uint64_t inode;
  Stream stream;
};

Session& self() { return *static_cast<Session*>(fuse_get_context()->private_data); }
OpenFile& file_of(const fuse_file_info* info) { return *reinterpret_cast<OpenFile*>(info->fh); }
}  // namespace

// libfuse is C: nothing may be thrown through it.
template <auto Callback>
struct Caught;
template <typename Result, typename... Words, Result (*Callback)(Words...)>
struct Caught<Callback> {
  static Result call(Words... words) {
    try {
      return Callback(words...);
    } catch (const std::bad_alloc&) {
      return -ENOMEM;
    } catch (...) {
      return -EIO;
    }
  }
};

// The callbacks; they return 0 or more, or -errno.
struct Operations {
  static void* init(fuse_conn_info* connection, fuse_config* config) {
    Session& session = self();
    config->kernel_cache = 1;  // a point's content never changes
    config->use_ino = 1;
    config->nullpath_ok = 1;
    // Entries and attributes come out of memory: asking again is cheap, and points that come and go are seen at once.
    config->entry_timeout = config->attr_timeout = 1;
    config->negative_timeout = 0;
    // With splice libfuse sends replies through a pipe, five times slower (measured with 3.14).
    connection->want &= ~static_cast<unsigned>(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_READDIRPLUS);
    connection->want |= connection->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO);
    connection->max_background = 128;
    connection->congestion_threshold = 96;
    connection->max_write = kBlock;  // bounds the pages of a read, too
    session.listener_.ready();
    return &session;
  }

  // The node of a path, kept alive by `tree`; null when there is none.
  static const Node* find(std::shared_ptr<const Tree>& tree, const char* path) {
    const std::string name = path + 1;
    tree = self().tree_.load();
    if (const auto found = tree->find(name); found != tree->end()) return &found->second;
    // It may be one of a folder that nobody has looked into yet.
    const size_t slash = name.rfind('/');
    if (slash == std::string::npos || look_into(tree, name.substr(0, slash)) != 0) return nullptr;
    const auto found = tree->find(name);
    return found != tree->end() ? &found->second : nullptr;
  }

  // Has the entries of a folder made, when they are made on demand only; `tree` is a newer one then.
  static int look_into(std::shared_ptr<const Tree>& tree, const std::string& folder) {
    const auto found = tree->find(folder);
    if (found == tree->end() || found->second.kind != Node::Kind::folder || found->second.image == 0) return 0;
    std::shared_ptr<Content> none;
    const int error = self().images_.get(found->second.image, none);
    tree = self().tree_.load();
    return error;
  }

  static int attributes(const Node& node, struct stat* out, const Content* content) {
    *out = {};
    out->st_uid = getuid();
    out->st_gid = getgid();
    out->st_nlink = 1;
    out->st_mtim.tv_sec = out->st_ctim.tv_sec = out->st_atim.tv_sec = node.seconds;
    out->st_blksize = kBlock;
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
        else if (const int error = self().images_.size(node.image, size); error != 0)
          return -error;
        break;
    }
    out->st_size = static_cast<off_t>(size);
    out->st_blocks = static_cast<blkcnt_t>((size + 511) / 512);
    return 0;
  }

  static int getattr(const char* path, struct stat* out, fuse_file_info* info) {
    // Who has a file open goes on with it, also when its point is not shown any more.
    if (info != nullptr) {
      const OpenFile& file = file_of(info);
      const int result = attributes(*file.node, out, file.content.get());
      out->st_ino = file.inode;
      return result;
    }
    std::shared_ptr<const Tree> tree;
    const Node* const node = find(tree, path);
    if (node == nullptr) return -ENOENT;
    const int result = attributes(*node, out, nullptr);
    out->st_ino = inode_of(path + 1);
    return result;
  }

  static int readlink(const char* path, char* out, size_t size) {
    std::shared_ptr<const Tree> tree;
    const Node* const node = find(tree, path);
    if (node == nullptr) return -ENOENT;
    if (node->kind != Node::Kind::link) return -EINVAL;
    const size_t length = std::min(node->text.size(), size - 1);
    std::memcpy(out, node->text.data(), length);
    out[length] = 0;
    return 0;
  }

  // With nullpath_ok only this is told the path of a folder that is read.
  static int opendir(const char* path, fuse_file_info* info) {
    info->fh = reinterpret_cast<uint64_t>(new std::string(path));
    return 0;
  }

  static int releasedir(const char*, fuse_file_info* info) {
    delete reinterpret_cast<std::string*>(info->fh);
    return 0;
  }

  static int readdir(const char*, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info* info, fuse_readdir_flags) {
    const char* const path = reinterpret_cast<std::string*>(info->fh)->c_str();
    std::shared_ptr<const Tree> tree;
    const Node* node = find(tree, path);
    if (node == nullptr) return -ENOENT;
    if (node->kind != Node::Kind::folder) return -ENOTDIR;
    if (const int error = look_into(tree, path + 1); error != 0) return -error;
    if ((node = find(tree, path)) == nullptr) return -ENOENT;
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

  static int open(const char* path, fuse_file_info* info) {
    auto file = std::make_unique<OpenFile>();
    file->node = find(file->tree, path);
    if (file->node == nullptr) return -ENOENT;
    if (file->node->kind == Node::Kind::folder) return -EISDIR;
    file->inode = inode_of(path + 1);
    if ((info->flags & O_ACCMODE) != O_RDONLY && !file->node->writable) return -EROFS;
    if (file->node->kind == Node::Kind::image)
      if (const int error = self().images_.get(file->node->image, file->content); error != 0) return -error;
    info->keep_cache = 1;
    info->fh = reinterpret_cast<uint64_t>(file.release());
    self().handles_++;
    return 0;
  }

  static int release(const char*, fuse_file_info* info) {
    delete &file_of(info);
    self().handles_--;
    return 0;
  }

  // Runs `body` and makes of what it throws an event and an errno.
  template <typename Body>
  static int guarded(const OpenFile& file, uint64_t offset, uint64_t length, Body body) {
    Session& session = self();
    try {
      body();
      return 0;
    } catch (const Error& error) {
      session.errors_++;
      session.listener_.damaged({file.node->image, offset, length, error.code(), error.what()});
      return error.code() == "OVERLAY_WRITE" && error.system() != 0 ? -error.system() : -EIO;
    } catch (const std::bad_alloc&) {
      session.errors_++;
      return -ENOMEM;
    }
  }

  static int read(const char*, char* out, size_t length, off_t at, fuse_file_info* info) {
    OpenFile& file = file_of(info);
    Session& session = self();
    const auto offset = static_cast<uint64_t>(at);
    const uint64_t size = file.content ? file.content->size() : file.node->text.size();
    if (offset >= size) return 0;
    length = static_cast<size_t>(std::min<uint64_t>(length, size - offset));
    session.reads_++;
    session.bytes_ += length;
    if (!file.content) {
      std::memcpy(out, file.node->text.data() + offset, length);
      return static_cast<int>(length);
    }
    const int result = guarded(file, offset, length, [&] { file.content->read(file.stream, offset, {reinterpret_cast<uint8_t*>(out), length}); });
    return result == 0 ? static_cast<int>(length) : result;
  }

  static int write(const char*, const char* bytes, size_t length, off_t at, fuse_file_info* info) {
    const OpenFile& file = file_of(info);
    const auto offset = static_cast<uint64_t>(at);
    // A disk does not grow.
    if (offset >= file.content->size() || length > file.content->size() - offset) return -ENOSPC;
    const int result = guarded(file, offset, length, [&] { file.content->write(offset, {reinterpret_cast<const uint8_t*>(bytes), length}); });
    return result == 0 ? static_cast<int>(length) : result;
  }

  static int fsync(const char*, int, fuse_file_info* info) {
    const OpenFile& file = file_of(info);
    return file.content ? guarded(file, 0, 0, [&] { file.content->flush(); }) : 0;
  }

  // Discards and writes of zeros, as loop devices send them.
  static int fallocate(const char*, int mode, off_t at, off_t length, fuse_file_info* info) {
    const OpenFile& file = file_of(info);
    if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0 || (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) == 0)
      return -EOPNOTSUPP;
    if (!file.content || !file.content->writable()) return -EROFS;
    const auto offset = static_cast<uint64_t>(at), count = static_cast<uint64_t>(length), size = file.content->size();
    if (offset >= size || count > size - offset) return -ENOSPC;
    return guarded(file, offset, count, [&] { file.content->zero(offset, count); });
  }

  static off_t lseek(const char*, off_t at, int whence, fuse_file_info* info) {
    const OpenFile& file = file_of(info);
    const uint64_t size = file.content ? file.content->size() : file.node->text.size();
    auto offset = static_cast<uint64_t>(at);
    if (whence != SEEK_DATA && whence != SEEK_HOLE) return -EINVAL;
    if (at < 0 || offset >= size) return -ENXIO;
    if (!file.content) return whence == SEEK_DATA ? at : static_cast<off_t>(size);
    off_t found = 0;
    const int result = guarded(file, offset, 0, [&] {
      while (offset < size) {
        const Content::Run run = file.content->run_at(offset);
        if (run.data == (whence == SEEK_DATA)) break;
        offset = run.end;
      }
      found = static_cast<off_t>(offset);
    });
    if (result != 0) return result;
    return whence == SEEK_DATA && offset >= size ? -ENXIO : found;
  }

  static int statfs(const char*, struct statvfs* out) {
    *out = {};
    out->f_bsize = out->f_frsize = 4096;
    out->f_namemax = 255;
    out->f_files = self().tree_.load()->size();
    return 0;
  }

  static int getxattr(const char* path, const char* name, char* out, size_t size) {
    std::shared_ptr<const Tree> tree;
    const Node* const node = find(tree, path);
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

  static int listxattr(const char* path, char* out, size_t size) {
    std::shared_ptr<const Tree> tree;
    const Node* const node = find(tree, path);
    if (node == nullptr) return -ENOENT;
    std::string names;
    for (const auto& [key, value] : node->attributes) names.append(key).push_back(0);
    if (size == 0) return static_cast<int>(names.size());
    if (names.size() > size) return -ERANGE;
    std::memcpy(out, names.data(), names.size());
    return static_cast<int>(names.size());
  }

  static fuse_operations table() {
    fuse_operations out{};
    out.init = init;
    out.getattr = Caught<getattr>::call;
    out.readlink = Caught<readlink>::call;
    out.opendir = Caught<opendir>::call;
    out.readdir = Caught<readdir>::call;
    out.releasedir = Caught<releasedir>::call;
    out.open = Caught<open>::call;
    out.release = Caught<release>::call;
    out.read = Caught<read>::call;
    out.write = Caught<write>::call;
    out.fsync = Caught<fsync>::call;
    out.fallocate = Caught<fallocate>::call;
    out.lseek = Caught<lseek>::call;
    out.statfs = Caught<statfs>::call;
    out.getxattr = Caught<getxattr>::call;
    out.listxattr = Caught<listxattr>::call;
    return out;
  }
};

Session::Session(SessionOptions options, std::shared_ptr<const Tree> tree, Listener listener)
    : options_(std::move(options)), listener_(std::move(listener)), tree_(std::move(tree)), images_(listener_.prepare) {
  // A comma would end the option.
  std::string name = options_.name;
  for (char& c : name)
    if (c == ',' || c == '\\') c = '_';
  std::string words = "fsname=" + name + ",subtype=strata,default_permissions";
  words += options_.writable ? ",rw" : ",ro";
  if (options_.allow_other) words += ",allow_other";
  std::string program = "strata", flag = "-o";
  char* argv[] = {program.data(), flag.data(), words.data(), nullptr};
  fuse_args args = FUSE_ARGS_INIT(3, argv);
  const fuse_operations operations = Operations::table();
  fuse_ = fuse_new(&args, &operations, sizeof operations, this);
  fuse_opt_free_args(&args);
  if (fuse_ == nullptr) throw Error("MOUNT_FAILED", "FUSE refuses the options of the mount");
  if (fuse_mount(fuse_, options_.mount_point.c_str()) != 0) {
    const int why = errno;
    fuse_destroy(fuse_);
    throw Error("MOUNT_FAILED", "cannot mount", why, options_.mount_point);
  }
}

Session::~Session() {
  // After an aborted connection libfuse leaves the mount; unmounting one that is gone does nothing.
  fuse_unmount(fuse_);
  fuse_destroy(fuse_);
}

void Session::run() {
  {
    const std::lock_guard lock(loop_mutex_);
    loop_ = pthread_self();
  }
  fuse_loop_config* const config = fuse_loop_cfg_create();
  fuse_loop_cfg_set_max_threads(config, options_.threads);
  const int result = fuse_loop_mt(fuse_, config);
  fuse_loop_cfg_destroy(config);
  images_.end();
  {
    const std::lock_guard lock(loop_mutex_);
    loop_.reset();
  }
  if (result < 0) throw Error("MOUNT_FAILED", "the mount's connection broke", -result, options_.mount_point);
}

void Session::stop() {
  images_.end();
  umount2(options_.mount_point.c_str(), MNT_DETACH);
  // While files are open the connection lives on: libfuse's loop looks at its flag when a signal wakes it.
  struct sigaction quiet {};
  quiet.sa_handler = [](int) {};
  sigaction(kWake, &quiet, nullptr);
  fuse_exit(fuse_);
  // A signal that comes just before the loop sleeps is lost, so there may be need of another.
  for (int i = 0; i < 200; i++) {
    {
      const std::lock_guard lock(loop_mutex_);
      if (!loop_) return;
      pthread_kill(*loop_, kWake);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Session::Counters Session::counters() const {
  const auto [images, waiting] = images_.gauges();
  return {reads_, bytes_, errors_, handles_, images, waiting};
}

}  // namespace strata
