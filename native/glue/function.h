// Functions of the addon, and the shape that all long actions have in JavaScript.
#pragma once
#include "held.h"
#include "run.h"

namespace strata::glue {

using Info = Napi::CallbackInfo;

// Wraps a function so that failures of core become JavaScript errors.
template <typename Body>
Napi::Function function(Napi::Env env, const char* name, Body body) {
  return Napi::Function::New(
      env,
      [body](const Info& info) -> Napi::Value {
        try {
          return body(info);
        } catch (const Napi::Error&) {
          throw;
        } catch (...) {
          throw to_js(info.Env(), to_error(std::current_exception()));
        }
      },
      name);
}

// An object with finished, cancel and progress.
template <typename Action, typename Progress>
Napi::Object run_object(Napi::Env env, const char* name, std::shared_ptr<Held<Action>> held, std::function<Run::Deliver()> work, Progress progress) {
  auto out = Napi::Object::New(env);
  out.Set("finished", Run::start(env, name, [work](const Run::Post&) { return work(); }, [held] { held->cancel(); }));
  out.Set("cancel", function(env, "cancel", [held](const Info& call) {
            held->cancel();
            return call.Env().Undefined();
          }));
  out.Set("progress", function(env, "progress", [progress](const Info& call) -> Napi::Value { return progress(call.Env()); }));
  return out;
}

// Each part of the addon adds its functions to the exports.
void add_file_system(Napi::Env env, Napi::Object exports);
void add_files(Napi::Env env, Napi::Object exports);
void add_images(Napi::Env env, Napi::Object exports);
void add_liveness(Napi::Env env, Napi::Object exports);
void add_mounts(Napi::Env env, Napi::Object exports);
void add_nbd(Napi::Env env, Napi::Object exports);
void add_passphrase(Napi::Env env, Napi::Object exports);
void add_remote(Napi::Env env, Napi::Object exports);
void add_repair(Napi::Env env, Napi::Object exports);
void add_source(Napi::Env env, Napi::Object exports);
void add_synthesis(Napi::Env env, Napi::Object exports);

}  // namespace strata::glue
