#include "session.h"

#include <sys/mount.h>

#include <csignal>
#include <thread>

#include "callbacks.h"

namespace strata {

namespace {
const int kWake = SIGRTMIN + 6;

// Settles with the kernel how it asks.
void* init(fuse_conn_info* connection, fuse_config* config) {
  Served& session = served();
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
  connection->max_write = kPreferredRead;  // bounds the pages of a read, too
  session.ready();
  return &session;
}

fuse_operations callbacks() {
  fuse_operations out{};
  out.init = init;
  add_name_callbacks(out);
  add_file_callbacks(out);
  return out;
}
}  // namespace

Session::Session(SessionOptions options, std::shared_ptr<const Tree> tree, Listener listener)
    : options_(std::move(options)), served_{std::move(tree), Images(std::move(listener.prepare)), {}, std::move(listener.ready), std::move(listener.damaged)} {
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
  const fuse_operations operations = callbacks();
  fuse_ = fuse_new(&args, &operations, sizeof operations, &served_);
  fuse_opt_free_args(&args);
  if (fuse_ == nullptr) throw Error("MOUNT_FAILED", "FUSE refuses the options of the mount");
  if (fuse_mount(fuse_, options_.mount_point.c_str()) != 0) {
    const int why = errno;
    fuse_destroy(fuse_);
    throw Error("MOUNT_FAILED", "cannot mount", why, options_.mount_point);
  }
}

Session::~Session() {
  // libfuse sees that somebody else has unmounted by its connection, which ends with the last who has a file open. When `stop` takes the
  // mount from those, the connection lives on: libfuse would unmount the folder once more, and complain, or hit a newer mount there.
  if (!detached_) fuse_unmount(fuse_);
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
  images().end();
  {
    const std::lock_guard lock(loop_mutex_);
    loop_.reset();
  }
  if (result < 0) throw Error("MOUNT_FAILED", "the mount's connection broke", -result, options_.mount_point);
}

void Session::stop() {
  images().end();
  // Without privileges it stays until libfuse has fusermount3 take it off.
  if (umount2(options_.mount_point.c_str(), MNT_DETACH) == 0) detached_ = true;
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
  const auto [images, waiting] = served_.images.gauges();
  return {served_.reads, served_.bytes, served_.errors, served_.files.count(), images, waiting};
}

}  // namespace strata
