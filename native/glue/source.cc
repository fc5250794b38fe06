// Reading single places of a source; typed in src/native.ts.
#include "../core/source_reader.h"
#include "function.h"
#include "handle.h"
#include "source_place.h"

namespace strata::glue {
namespace {

constexpr uint64_t kMost = 64u << 20;

Napi::Value open_source(const Info& info) {
  const Napi::Object options = object(info[0], "options");
  return to_handle(info.Env(), std::make_shared<SourceReader>(source_place(options)));
}

Napi::Value read_source(const Info& info) {
  const auto reader = from_handle<SourceReader>(info[0], "source");
  const Napi::Object range = object(info[1], "range");
  const uint64_t offset = count(range, "offset"), length = count(range, "length");
  if (length > kMost) throw Error("NATIVE_ARGUMENT", "length is at most 64 MiB");
  return Run::start(
      info.Env(), "strata source",
      [=](const Run::Post&) -> Run::Deliver {
        const auto found = std::make_shared<Bytes>(reader->read(offset, static_cast<size_t>(length)));
        return [found](Napi::Env env) -> Napi::Value { return Napi::Buffer<uint8_t>::Copy(env, found->data(), found->size()); };
      },
      [reader] { reader->cancel(); });
}

Napi::Value close_source(const Info& info) {
  held_by<SourceReader>(info[0], "source").reset();
  return info.Env().Undefined();
}

}  // namespace

void add_source(Napi::Env env, Napi::Object exports) {
  exports.Set("openSource", function(env, "openSource", open_source));
  exports.Set("readSource", function(env, "readSource", read_source));
  exports.Set("closeSource", function(env, "closeSource", close_source));
}

}  // namespace strata::glue
