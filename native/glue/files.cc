// Many small files in one crossing; typed in src/native.ts.
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <variant>

#include "../core/io.h"
#include "function.h"
#include "handle.h"

namespace strata::glue {
namespace {

constexpr uint64_t kMost = 64u << 20;  // of one file: they are records and the like

// The content, or nothing when there is no such file.
std::optional<Bytes> read_whole(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return {};
  struct stat facts;
  if (!file || fstat(file.get(), &facts) != 0) throw Error("IO", "cannot read " + path, errno, path);
  if (!S_ISREG(facts.st_mode)) throw Error("IO", path + " is not a file", 0, path);
  if (static_cast<uint64_t>(facts.st_size) > kMost) throw Error("IO", path + " is larger than any record", 0, path);
  Bytes out(static_cast<size_t>(facts.st_size));
  read_exact(file.get(), out, 0, "IO", path);
  return out;
}

Napi::Value read_files(const Info& info) {
  const auto list = object(info[0], "paths").As<Napi::Array>();
  std::vector<std::string> paths;
  for (uint32_t i = 0; i < list.Length(); i++) paths.push_back(list.Get(i).ToString().Utf8Value());
  const auto control = std::make_shared<Control>();
  return Run::start(
      info.Env(), "strata files",
      [paths = std::move(paths), control](const Run::Post&) -> Run::Deliver {
        const auto files = std::make_shared<std::vector<std::variant<std::optional<Bytes>, Error>>>();
        for (const std::string& path : paths) {
          if (control->stopping()) throw Error("CANCELLED", "the reading was cancelled");
          try {
            files->push_back(read_whole(path));
          } catch (const Error& error) {
            files->push_back(error);  // of this one; the others can be read all the same
          }
        }
        return [files](Napi::Env env) -> Napi::Value {
          auto out = Napi::Array::New(env, files->size());
          for (uint32_t i = 0; i < files->size(); i++) {
            if (const auto* error = std::get_if<Error>(&(*files)[i])) {
              out.Set(i, to_js(env, *error).Value());
              continue;
            }
            const auto& it = std::get<0>((*files)[i]);
            if (it) out.Set(i, Napi::Buffer<uint8_t>::Copy(env, it->data(), it->size()));
            else out.Set(i, env.Null());
          }
          return out;
        };
      },
      [control] { control->cancel(); });
}

}  // namespace

void add_files(Napi::Env env, Napi::Object exports) { exports.Set("readFiles", function(env, "readFiles", read_files)); }

}  // namespace strata::glue
