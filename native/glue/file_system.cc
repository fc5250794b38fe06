// What file systems do for a snapshot; typed in src/native.ts. None of it can be cancelled: the kernel does it in one go.
#include "../core/file_system.h"

#include "function.h"

namespace strata::glue {
namespace {

template <typename Work>
Napi::Value start(const Info& info, Work work) {
  return Run::start(
      info.Env(), "strata file system",
      [work](const Run::Post&) -> Run::Deliver {
        work();
        return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
      },
      [] {});
}

Napi::Value clone(const Info& info) {
  const int from = info[0].ToNumber().Int32Value(), to = info[1].ToNumber().Int32Value();
  return start(info, [=] { clone_file(from, to); });
}

Napi::Value freeze(const Info& info) {
  return start(info, [at = info[0].ToString().Utf8Value()] { freeze_file_system(at); });
}

Napi::Value thaw(const Info& info) {
  return start(info, [at = info[0].ToString().Utf8Value()] { thaw_file_system(at); });
}

Napi::Value extents(const Info& info) {
  const int fd = info[0].ToNumber().Int32Value();
  return Run::start(
      info.Env(), "strata file extents",
      [fd](const Run::Post&) -> Run::Deliver {
        return [found = file_extents(fd)](Napi::Env env) -> Napi::Value {
          auto out = Napi::Float64Array::New(env, found.size() * 4);
          for (size_t i = 0; i < found.size(); i++) {
            out[i * 4] = static_cast<double>(found[i].logical);
            out[i * 4 + 1] = static_cast<double>(found[i].physical);
            out[i * 4 + 2] = static_cast<double>(found[i].length);
            out[i * 4 + 3] = found[i].flags;
          }
          return out;
        };
      },
      [] {});
}

}  // namespace

void add_file_system(Napi::Env env, Napi::Object exports) {
  exports.Set("cloneFile", function(env, "cloneFile", clone));
  exports.Set("fileExtents", function(env, "fileExtents", extents));
  exports.Set("freezeFileSystem", function(env, "freezeFileSystem", freeze));
  exports.Set("thawFileSystem", function(env, "thawFileSystem", thaw));
}

}  // namespace strata::glue
