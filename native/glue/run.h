// A long action on a thread of its own, seen from JavaScript: `finished` settles once, on the main thread, after the work has returned.
//
// The thread talks to JavaScript only through a thread-safe function: results, failures and events arrive in order. When the process ends
// with a run under way, the environment's clean-up stops it and waits, so that no thread outlives what it uses.
#pragma once
#include <functional>
#include <memory>
#include <thread>

#include "convert.h"

namespace strata::glue {

class Run : public std::enable_shared_from_this<Run> {
 public:
  using Deliver = std::function<Napi::Value(Napi::Env)>;
  using Post = std::function<void(Deliver)>;

  // `work` runs on the thread and returns what makes the result on the main thread; with its argument it sends events to `listener` meanwhile.
  static Napi::Promise start(Napi::Env env, const char* name, std::function<Deliver(const Post&)> work, std::function<void()> stop,
                             const Napi::Function& listener = {}) {
    const auto run = std::make_shared<Run>(env, std::move(stop));
    if (!listener.IsEmpty()) run->listener_ = Napi::Persistent(listener);
    const Napi::Promise promise = run->deferred_.Promise();
    run->channel_ = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), name, 0, 1);
    run->hook_ = new std::weak_ptr<Run>(run);
    napi_add_env_cleanup_hook(env, at_exit, run->hook_);
    auto body = [run, work = std::move(work)] {
      const auto call = [&](auto body) { run->channel_.BlockingCall([body = std::move(body)](Napi::Env inner, Napi::Function) { body(inner); }); };
      try {
        Deliver result = work([&](Deliver event) { call([run, event = std::move(event)](Napi::Env inner) { run->listener_.Call({event(inner)}); }); });
        call([run, result = std::move(result)](Napi::Env inner) { run->settle(inner, &result, nullptr); });
      } catch (...) {
        const Error error = to_error(std::current_exception());
        call([run, error](Napi::Env inner) { run->settle(inner, nullptr, &error); });
      }
      run->channel_.Release();
    };
    try {
      run->thread_ = std::thread(std::move(body));
    } catch (...) {
      run->channel_.Abort();
      napi_remove_env_cleanup_hook(env, at_exit, run->hook_);
      delete run->hook_;
      throw;
    }
    return promise;
  }

  Run(Napi::Env env, std::function<void()> stop) : deferred_(Napi::Promise::Deferred::New(env)), stop_(std::move(stop)) {}

 private:
  void settle(Napi::Env env, const Deliver* result, const Error* error) {
    thread_.join();  // its work has returned; all that is left to it is to release the channel
    napi_remove_env_cleanup_hook(env, at_exit, hook_);
    delete std::exchange(hook_, nullptr);
    listener_.Reset();
    if (error != nullptr)
      deferred_.Reject(to_js(env, *error).Value());
    else
      deferred_.Resolve((*result)(env));
  }

  static void at_exit(void* hook) {
    const std::unique_ptr<std::weak_ptr<Run>> owned(static_cast<std::weak_ptr<Run>*>(hook));
    if (const auto run = owned->lock()) {
      run->hook_ = nullptr;
      run->stop_();
      run->channel_.Abort();  // nobody listens any more: calls return at once
      run->thread_.join();
    }
  }

  Napi::Promise::Deferred deferred_;
  std::function<void()> stop_;
  Napi::FunctionReference listener_;
  Napi::ThreadSafeFunction channel_;
  std::weak_ptr<Run>* hook_ = nullptr;
  std::thread thread_;
};

}  // namespace strata::glue
