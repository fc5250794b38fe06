// One connection to an NBD server, for one thread at a time. It never waits but in turn(), which others end by waking it.
#pragma once
#include <atomic>
#include <chrono>
#include <vector>

#include "error.h"
#include "io.h"

struct nbd_handle;

namespace strata {

// What to connect to.
struct NbdAddress {
  // As reports show it.
  std::string path;
  // Either a unix socket, or host and port.
  std::string socket, host, port;
  std::string name;
  // Folder of certificates; empty: no TLS.
  std::string certificates;
  std::vector<std::string> contexts;
};

struct NbdFacts {
  uint64_t size = 0;
  bool read_only = false, many_connections = false;
  // Of requests, in bytes.
  uint64_t least = 1, most = 0;
  // Those of the address that the server has.
  std::vector<std::string> contexts;
};

// Lengths and flags, one after the other.
using NbdExtents = std::vector<uint32_t>;

// Ends a wait of another thread.
class Bell {
 public:
  Bell();
  int fd() const { return fd_.get(); }
  void ring() noexcept;
  // Waits until it rings, or the time is over (negative: never).
  void wait(std::chrono::milliseconds limit) noexcept;
  void quieten() noexcept;

 private:
  Fd fd_;
};

class NbdConnection {
 public:
  using Milliseconds = std::chrono::milliseconds;

  // Connects within `limit`, unless `stopping` comes true, of which `bell` tells. Throws SOURCE_UNREACHABLE, SOURCE_EXPORT_MISSING.
  NbdConnection(const NbdAddress& address, Milliseconds limit, Bell& bell, const std::atomic<bool>& stopping);
  ~NbdConnection();
  NbdConnection(const NbdConnection&) = delete;
  NbdConnection& operator=(const NbdConnection&) = delete;

  const NbdFacts& facts() const { return facts_; }
  bool alive() const;
  // Why it is not.
  const std::string& trouble() const { return trouble_; }
  // Takes it for dead.
  void give_up(const std::string& reason);

  // Both give the number of the request; what they point to must stay until it is answered or the connection is gone. -errno when it is refused at once.
  int64_t read(uint64_t offset, size_t length, uint8_t* to);
  int64_t status(uint64_t offset, uint64_t length, const std::string& context, NbdExtents& extents);
  // 1: done, 0: not yet, or -errno.
  int answered(int64_t number);

  // Waits until something moves, the bell rings or `limit` is over (negative: never); whether something moved.
  bool turn(Milliseconds limit);

 private:
  struct Asked;
  void connect(Milliseconds limit, const std::atomic<bool>& stopping);
  void look();
  Error failure() const;
  int refused();
  void note();

  const NbdAddress& address_;
  Bell& bell_;
  nbd_handle* handle_ = nullptr;
  NbdFacts facts_;
  std::string trouble_;
  bool broken_ = false;
};

}  // namespace strata
