// One FUSE mount, served by threads of libfuse. High-level operations, whose shape WinFsp's FUSE layer shares.
#pragma once
#include <atomic>
#include <optional>

#include "images.h"
#include "tree.h"

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
  struct Damage {
    uint64_t image, offset, length;
    std::string code, message;
  };
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
  void replace(std::shared_ptr<const Tree> tree) { tree_.store(std::move(tree)); }
  Images& images() { return images_; }
  Counters counters() const;
  // Ends `run` soon, whoever uses the mount: what they do next fails.
  void stop();

 private:
  friend struct Operations;
  const SessionOptions options_;
  const Listener listener_;
  std::atomic<std::shared_ptr<const Tree>> tree_;
  Images images_;
  fuse* fuse_ = nullptr;
  std::mutex loop_mutex_;
  std::optional<pthread_t> loop_;  // the thread in `run`
  std::atomic<uint64_t> reads_{0}, bytes_{0}, errors_{0}, handles_{0};
};

}  // namespace strata
