// One FUSE mount, served by threads of libfuse.
#pragma once
#include <optional>

#include "served.h"

struct fuse;

namespace strata {

struct SessionOptions {
  std::string mount_point;
  std::string name;  // what mountinfo shows as the source
  bool allow_other = false;
  bool writable = false;
  unsigned threads = 64;
};

class Session {
 public:
  using Damage = Served::Damage;
  struct Listener {
    std::function<void(uint64_t image)> prepare;
    std::function<void(Damage)> damaged;
    std::function<void()> ready;
  };
  struct Counters {
    uint64_t reads, bytes, errors, handles;
    size_t images, waiting;
  };

  // Mounts; throws MOUNT_FAILED. Nothing is served before `run`.
  Session(SessionOptions options, std::shared_ptr<const Tree> tree, Listener listener);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Serves until the mount is gone.
  void run();
  void replace(std::shared_ptr<const Tree> tree) { served_.tree.store(std::move(tree)); }
  Images& images() { return served_.images; }
  Counters counters() const;
  // Ends `run` soon, whoever uses the mount: what they do next fails.
  void stop();

 private:
  const SessionOptions options_;
  Served served_;
  fuse* fuse_ = nullptr;
  std::mutex loop_mutex_;
  std::optional<pthread_t> loop_;  // the thread in `run`
  std::atomic<bool> detached_{false};  // `stop` has taken the mount off
};

}  // namespace strata
