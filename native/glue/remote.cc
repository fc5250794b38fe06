// Objects that JavaScript fetches for the addon; typed in src/native.ts.
#include "remote.h"

#include <mutex>

#include "function.h"

namespace strata::glue {
namespace {

Napi::Value request_to_js(Napi::Env env, const Remote::Request& from) {
  auto out = Napi::Object::New(env);
  put(out, "number", from.number);
  out.Set("name", from.name);
  put(out, "offset", from.offset);
  put(out, "length", from.length);
  out.Set("ahead", Napi::Boolean::New(env, from.ahead));
  out.Set("fresh", Napi::Boolean::New(env, from.fresh));
  return out;
}

// The way to JavaScript. When the process ends it goes before those who hold it, and must not be touched then.
struct Channel {
  std::mutex mutex;
  bool open = true;
  Napi::ThreadSafeFunction function;

  bool send(const Remote::Request& request) {
    const std::lock_guard lock(mutex);
    return open && function.NonBlockingCall([request](Napi::Env inner, Napi::Function listener) { listener.Call({request_to_js(inner, request)}); }) == napi_ok;
  }
  void release() {
    const std::lock_guard lock(mutex);
    if (std::exchange(open, false)) function.Release();
  }
};

// The channel does not keep the process alive: whoever waits for an answer does.
std::shared_ptr<Remote> make_remote(Napi::Env env, size_t memory, const Napi::Function& on_request) {
  const auto channel = std::make_shared<Channel>();
  channel->function = Napi::ThreadSafeFunction::New(
      env, on_request, "strata remote", 0, 1, new std::shared_ptr<Channel>(channel),
      [](Napi::Env, std::shared_ptr<Channel>* ended) {
        const std::unique_ptr<std::shared_ptr<Channel>> owned(ended);
        const std::lock_guard lock((*owned)->mutex);
        (*owned)->open = false;
      });
  channel->function.Unref(env);
  const auto self = std::make_shared<std::weak_ptr<Remote>>();
  const auto ask = [channel, self](const Remote::Request& request) {
    if (channel->send(request)) return;
    if (const auto it = self->lock()) it->fail(request.number, Error("CANCELLED", "the process ends"));
  };
  const auto remote = std::shared_ptr<Remote>(new Remote(memory, ask), [channel](Remote* it) {
    channel->release();
    delete it;
  });
  *self = remote;
  return remote;
}

Napi::Value open_remote(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const Napi::Value listener = from.Get("onRequest");
  if (!listener.IsFunction()) throw Error("NATIVE_ARGUMENT", "onRequest must be a function");
  const auto remote = make_remote(info.Env(), static_cast<size_t>(count(from, "memory")), listener.As<Napi::Function>());
  return to_handle(info.Env(), remote);
}

std::shared_ptr<Remote> remote(const Info& info) { return from_handle<Remote>(info[0], "remote"); }

Napi::Value deliver(const Info& info) {
  remote(info)->deliver(count(info[1], "number"), bytes(info[2], "bytes"), info[3].ToBoolean().Value());
  return info.Env().Undefined();
}

Napi::Value tell_size(const Info& info) {
  remote(info)->tell_size(count(info[1], "number"), count(info[2], "bytes"));
  return info.Env().Undefined();
}

Napi::Value fail(const Info& info) {
  const Napi::Object from = object(info[2], "error");
  remote(info)->fail(count(info[1], "number"), Error(text(from, "code"), text(from, "message"), 0, text(from, "path")));
  return info.Env().Undefined();
}

Napi::Value close(const Info& info) {
  remote(info)->close();
  return info.Env().Undefined();
}

}  // namespace

void add_remote(Napi::Env env, Napi::Object exports) {
  exports.Set("openRemote", function(env, "openRemote", open_remote));
  exports.Set("remoteDeliver", function(env, "remoteDeliver", deliver));
  exports.Set("remoteTellSize", function(env, "remoteTellSize", tell_size));
  exports.Set("remoteFail", function(env, "remoteFail", fail));
  exports.Set("closeRemote", function(env, "closeRemote", close));
}

}  // namespace strata::glue
