#include "failpoint.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

namespace strata {
namespace {

struct Plan {
  std::string name, action;
  long at = 0;
  bool onward = false;
  int trace = -1;

  Plan() {
    if (const char* file = getenv("STRATA_FAILPOINT_TRACE")) trace = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const char* text = getenv("STRATA_FAILPOINT");
    if (text == nullptr) return;
    const std::string all = text;
    const size_t first = all.find(':'), second = all.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) return;
    name = all.substr(0, first);
    at = strtol(all.c_str() + first + 1, nullptr, 10);
    onward = all[second - 1] == '-';
    action = all.substr(second + 1);
  }

  bool names(const std::string& place) const {
    if (!name.ends_with(".*")) return place == name;
    return place.starts_with(name.substr(0, name.size() - 1));
  }
};

const Plan& plan() {
  static const Plan it;
  return it;
}

}  // namespace

const bool failpoints_armed = getenv("STRATA_FAILPOINT") != nullptr || getenv("STRATA_FAILPOINT_TRACE") != nullptr;

int failpoint_hit(const char* name) {
  const Plan& it = plan();
  static std::mutex mutex;
  static long hits = 0;
  const std::lock_guard lock(mutex);
  if (it.trace >= 0) {
    const std::string line = std::string(name) + "\n";
    if (write(it.trace, line.data(), line.size()) < 0) abort();  // a trace with holes would prove nothing
  }
  if (!it.names(name)) return 0;
  hits++;
  if (it.onward ? hits < it.at : hits != it.at) return 0;
  if (it.action == "kill") kill(getpid(), SIGKILL);
  return it.action == "enospc" ? ENOSPC : EIO;
}

}  // namespace strata
