// Runs that make packs, as JavaScript sees them: onPack hears of each pack that is whole, packStored and packFailed answer for it.
#pragma once
#include "../core/pack_stream.h"
#include "function.h"

namespace strata::glue {

// `make` makes the action, given what it is to call with each pack. `result` and `progress` make objects of what it returns and of its progress.
template <typename Make, typename Result, typename Progress>
Napi::Object packing_run(Napi::Env env, const char* name, const Napi::Object& options, Make make, Result result, Progress progress) {
  using Action = typename std::invoke_result_t<Make, PackStream::OnPack>::element_type;
  const Napi::Value listener = options.Get("onPack");
  if (!listener.IsFunction()) throw Error("NATIVE_ARGUMENT", "onPack must be a function");
  // The post function exists once the thread runs; the action calls it from there only.
  const auto post = std::make_shared<Run::Post>();
  const auto held = std::make_shared<Held<Action>>(make([post](const FinishedPack& pack) {
    (*post)([pack](Napi::Env inner) -> Napi::Value {
      auto event = Napi::Object::New(inner);
      put(event, "seq", pack.sequence);
      event.Set("id", hex(pack.id));
      event.Set("path", pack.path);
      put(event, "bytes", pack.bytes);
      put(event, "frames", pack.frames);
      return event;
    });
  }));
  const Napi::Promise finished = Run::start(
      env, name,
      [held, post, result](const Run::Post& call) -> Run::Deliver {
        *post = call;
        const auto outcome = std::make_shared<decltype(held->run())>(held->run());
        return [held, outcome, result](Napi::Env inner) { return result(inner, *outcome, held->progress()); };
      },
      [held] {
        if (const auto action = held->action()) action->abandon();
      },
      listener.As<Napi::Function>());

  auto out = Napi::Object::New(env);
  out.Set("finished", finished);
  out.Set("cancel", function(env, "cancel", [held](const Info& call) {
            held->cancel();
            return call.Env().Undefined();
          }));
  out.Set("packStored", function(env, "packStored", [held](const Info& call) {
            if (const auto action = held->action()) action->pack_stored();
            return call.Env().Undefined();
          }));
  out.Set("packFailed", function(env, "packFailed", [held](const Info& call) {
            if (const auto action = held->action()) action->pack_failed();
            return call.Env().Undefined();
          }));
  out.Set("progress", function(env, "progress", [held, progress](const Info& call) -> Napi::Value { return progress(call.Env(), held->progress()); }));
  return out;
}

// The size at which packs are closed.
inline uint64_t pack_size(const Napi::Object& from) {
  const uint64_t it = count(from, "packSize");
  if (it < (1u << 20) || it > (1u << 30)) throw Error("NATIVE_ARGUMENT", "packSize must be from 1 MiB to 1 GiB");
  return it;
}

}  // namespace strata::glue
