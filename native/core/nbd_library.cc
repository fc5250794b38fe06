#include "nbd_library.h"

#include <dlfcn.h>

#include "error.h"

namespace strata {
namespace {

constexpr const char* kName = "libnbd.so.0";

NbdLibrary load() {
  void* const library = dlopen(kName, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw Error("LIBNBD_MISSING", dlerror());
  const auto symbol = [&](const char* name) {
    void* const found = dlsym(library, name);
    if (found == nullptr) throw Error("LIBNBD_MISSING", std::string(kName) + " is too old: it has no " + name);
    return found;
  };
  NbdLibrary out;
#define STRATA_NBD_LOAD(name) out.name = reinterpret_cast<decltype(&nbd_##name)>(symbol("nbd_" #name));
  STRATA_NBD_FUNCTIONS(STRATA_NBD_LOAD)
#undef STRATA_NBD_LOAD
  return out;
}

}  // namespace

const NbdLibrary& nbd_library() {
  static const NbdLibrary library = load();
  return library;
}

std::string nbd_version() {
  const NbdLibrary& nbd = nbd_library();
  nbd_handle* const handle = nbd.create();
  if (handle == nullptr) throw Error("LIBNBD_MISSING", nbd.get_error());
  const std::string version = nbd.get_version(handle);
  nbd.close(handle);
  return version;
}

}  // namespace strata
