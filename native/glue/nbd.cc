// Exports of NBD servers as sources; typed in src/native.ts.
#include "../core/nbd_library.h"
#include "../core/nbd_source.h"
#include "function.h"
#include "handle.h"

namespace strata::glue {
namespace {

NbdAddress address(const Napi::Object& from) {
  NbdAddress out;
  out.path = text(from, "path");
  out.socket = text(from, "socket");
  out.host = text(from, "host");
  out.port = text(from, "port");
  out.name = text(from, "name");
  out.certificates = text(from, "certificates");
  const auto contexts = object(from.Get("contexts"), "contexts").As<Napi::Array>();
  for (uint32_t i = 0; i < contexts.Length(); i++) out.contexts.push_back(contexts.Get(i).ToString().Utf8Value());
  return out;
}

Napi::Value open_nbd(const Info& info) {
  const Napi::Object options = object(info[0], "options");
  const auto opened = std::make_shared<NbdExport>(address(options), std::chrono::milliseconds(count(options, "patience")));
  return Run::start(
      info.Env(), "strata nbd",
      [opened](const Run::Post&) -> Run::Deliver {
        opened->open();
        return [opened](Napi::Env env) -> Napi::Value { return to_handle(env, opened); };
      },
      [opened] { opened->stop(); });
}

Napi::Value nbd_facts(const Info& info) {
  const auto opened = from_handle<NbdExport>(info[0], "export");
  const NbdFacts& facts = opened->facts();
  auto out = Napi::Object::New(info.Env());
  put(out, "size", facts.size);
  out.Set("readOnly", facts.read_only);
  out.Set("contexts", strings(info.Env(), facts.contexts));
  put(out, "connections", opened->connections());
  put(out, "losses", opened->losses());
  return out;
}

Napi::Value nbd_flagged(const Info& info) {
  const auto opened = from_handle<NbdExport>(info[0], "export");
  const std::string context = info[1].ToString().Utf8Value();
  const auto control = std::make_shared<Control>();
  return Run::start(
      info.Env(), "strata nbd",
      [=](const Run::Post&) -> Run::Deliver {
        const auto found = std::make_shared<std::vector<Range>>(flagged(*opened, context, *control));
        return [found](Napi::Env env) -> Napi::Value {
          auto out = Napi::Float64Array::New(env, found->size() * 2);
          for (size_t i = 0; i < found->size(); i++) {
            out[i * 2] = static_cast<double>((*found)[i].offset);
            out[i * 2 + 1] = static_cast<double>((*found)[i].length);
          }
          return out;
        };
      },
      [control] { control->cancel(); });
}

Napi::Value close_nbd(const Info& info) {
  auto& held = held_by<NbdExport>(info[0], "export");
  if (held) held->stop();
  held.reset();
  return info.Env().Undefined();
}

// Its version; null where there is none.
Napi::Value nbd_library_version(const Info& info) {
  try {
    return Napi::String::New(info.Env(), nbd_version());
  } catch (const Error&) {
    return info.Env().Null();
  }
}

}  // namespace

void add_nbd(Napi::Env env, Napi::Object exports) {
  exports.Set("openNbd", function(env, "openNbd", open_nbd));
  exports.Set("nbdFacts", function(env, "nbdFacts", nbd_facts));
  exports.Set("nbdFlagged", function(env, "nbdFlagged", nbd_flagged));
  exports.Set("closeNbd", function(env, "closeNbd", close_nbd));
  exports.Set("nbdLibrary", function(env, "nbdLibrary", nbd_library_version));
}

}  // namespace strata::glue
