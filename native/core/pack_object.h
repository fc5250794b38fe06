// One pack as it is read, and where the packs of a repository are: in a folder, or elsewhere.
#pragma once
#include <memory>

#include "io.h"
#include "remote.h"

namespace strata {

class PackObject {
 public:
  explicit PackObject(std::string path) : path_(std::move(path)) {}
  virtual ~PackObject() = default;
  PackObject(const PackObject&) = delete;
  PackObject& operator=(const PackObject&) = delete;

  // For messages; of a file, its path.
  const std::string& path() const { return path_; }
  // Up to out.size() bytes, less only at the end; -errno where a file cannot be read. From afar it throws instead.
  virtual ssize_t read(std::span<uint8_t> out, uint64_t offset) const = 0;
  // All of it, or PACK_READ.
  void read_exact(std::span<uint8_t> out, uint64_t offset) const;
  // Throws PACK_MISSING, PACK_READ.
  virtual uint64_t size() const = 0;
  // Has the range on its way.
  virtual void will_need(uint64_t offset, uint64_t length) const noexcept = 0;
  // What was read of the range turned out to be wrong. True: it may have been a copy, and is worth reading once more.
  virtual bool renew(uint64_t, uint64_t) const { return false; }
  // The descriptor of a file; -1: it is none.
  virtual int file() const { return -1; }

 private:
  const std::string path_;
};

// A pack in a file of its own. Throws PACK_MISSING, PACK_READ when it cannot be opened.
std::shared_ptr<const PackObject> open_pack_file(const std::string& path);

// A pack that is known by its size, too.
struct PackFile {
  PackId id;
  std::string path;
  uint64_t bytes;
  // Where it lies, when that is no file.
  std::shared_ptr<Remote> remote = nullptr;
  std::shared_ptr<const PackObject> open() const;
};

// Where packs lie: `<folder>/<last two digits>/<id>`, a file of that path or an object of that name.
struct PackPlace {
  std::string folder;
  std::shared_ptr<Remote> remote;

  PackPlace() = default;
  PackPlace(std::string path, std::shared_ptr<Remote> store = nullptr) : folder(std::move(path)), remote(std::move(store)) {}
  std::string path(const PackId& id) const;
  std::shared_ptr<const PackObject> open(const PackId& id) const;
};

}  // namespace strata
