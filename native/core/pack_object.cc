#include "pack_object.h"

#include <sys/stat.h>

#include <cerrno>

namespace strata {
namespace {

class PackFileObject : public PackObject {
 public:
  PackFileObject(const std::string& path, Fd fd) : PackObject(path), fd_(std::move(fd)) {}
  ssize_t read(std::span<uint8_t> out, uint64_t offset) const override { return read_at(fd_.get(), out.data(), out.size(), offset); }
  uint64_t size() const override {
    struct stat facts;
    if (fstat(fd_.get(), &facts) != 0) throw Error("PACK_READ", "cannot read " + path(), errno, path());
    return static_cast<uint64_t>(facts.st_size);
  }
  void will_need(uint64_t offset, uint64_t length) const noexcept override {
    posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_WILLNEED);
  }
  int file() const override { return fd_.get(); }

 private:
  const Fd fd_;
};

class RemotePack : public PackObject {
 public:
  RemotePack(const std::string& path, const PackId& id, std::shared_ptr<Remote> remote, std::optional<uint64_t> size = {})
      : PackObject(path), name_("packs/" + hex(id).substr(30) + "/" + hex(id)), remote_(std::move(remote)), size_(size) {}
  ssize_t read(std::span<uint8_t> out, uint64_t offset) const override { return static_cast<ssize_t>(remote_->read(name_, offset, out)); }
  uint64_t size() const override { return size_ ? *size_ : remote_->size(name_); }
  void will_need(uint64_t offset, uint64_t length) const noexcept override { remote_->will_need(name_, offset, length); }
  bool renew(uint64_t offset, uint64_t length) const override {
    remote_->renew(name_, offset, length);
    return true;
  }

 private:
  const std::string name_;
  const std::shared_ptr<Remote> remote_;
  const std::optional<uint64_t> size_;
};

}  // namespace

void PackObject::read_exact(std::span<uint8_t> out, uint64_t offset) const {
  ssize_t got = read(out, offset);
  if (got >= 0 && static_cast<size_t>(got) != out.size() && renew(offset, out.size())) got = read(out, offset);
  if (got < 0) throw Error("PACK_READ", "cannot read " + path_, static_cast<int>(-got), path_);
  if (static_cast<size_t>(got) != out.size())
    throw Error("PACK_READ", path_ + " ends at " + std::to_string(offset + static_cast<uint64_t>(got)) + " although " + std::to_string(offset + out.size()) +
                                 " bytes are needed", 0, path_);
}

std::shared_ptr<const PackObject> open_pack_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw Error(errno == ENOENT ? "PACK_MISSING" : "PACK_READ", "cannot open pack " + path.substr(path.rfind('/') + 1), errno, path);
  return std::make_shared<PackFileObject>(path, Fd(fd));
}

std::string PackPlace::path(const PackId& id) const {
  const std::string name = hex(id);
  return folder + "/" + name.substr(name.size() - 2) + "/" + name;
}

std::shared_ptr<const PackObject> PackPlace::open(const PackId& id) const {
  if (!remote) return open_pack_file(path(id));
  return std::make_shared<RemotePack>(path(id), id, remote);
}

std::shared_ptr<const PackObject> PackFile::open() const {
  if (!remote) return open_pack_file(path);
  return std::make_shared<RemotePack>(path, id, remote, bytes);
}

}  // namespace strata
