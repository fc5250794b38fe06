// FUSE sessions, as typed in src/native.ts.
#include "../fuse/session.h"
#include "function.h"
#include "handle.h"

namespace strata::glue {
namespace {

// Entries of the tree: [{path, kind, seconds, text?, image?, writable?, attributes?}], each after its folder.
std::shared_ptr<const Tree> tree(const Napi::Value& value) {
  const auto list = object(value, "tree").As<Napi::Array>();
  const auto out = std::make_shared<Tree>();
  (*out)[""] = Node{};
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Object from = object(list.Get(i), "an entry of the tree");
    const std::string path = text(from, "path"), kind = text(from, "kind");
    Node node;
    node.seconds = static_cast<int64_t>(number(from, "seconds"));
    if (kind == "folder") {
      node.kind = Node::Kind::folder;
      if (from.Has("image")) node.image = count(from, "image");
    } else if (kind == "image") {
      node.kind = Node::Kind::image;
      node.image = count(from, "image");
      if (from.Has("size")) node.size = count(from, "size");
      node.writable = from.Get("writable").ToBoolean().Value();
    } else {
      node.kind = kind == "link" ? Node::Kind::link : Node::Kind::text;
      node.text = text(from, "text");
    }
    if (const Napi::Value attributes = from.Get("attributes"); attributes.IsObject()) {
      const Napi::Array names = attributes.As<Napi::Object>().GetPropertyNames();
      for (uint32_t n = 0; n < names.Length(); n++) {
        const std::string name = names.Get(n).ToString().Utf8Value();
        node.attributes.emplace_back("user.strata." + name, text(attributes.As<Napi::Object>(), name.c_str()));
      }
    }
    if (!path.empty()) {
      const size_t slash = path.rfind('/');
      const auto folder = out->find(slash == std::string::npos ? "" : path.substr(0, slash));
      if (folder == out->end() || folder->second.kind != Node::Kind::folder) throw Error("NATIVE_ARGUMENT", "an entry of the tree without its folder: " + path);
      folder->second.names.push_back(path.substr(slash + 1));
      node.names = std::move((*out)[path].names);
    }
    (*out)[path] = std::move(node);
  }
  return out;
}

Napi::Value damage_event(Napi::Env env, const Session::Damage& from) {
  auto out = Napi::Object::New(env);
  out.Set("event", "damaged");
  put(out, "image", from.image);
  put(out, "offset", from.offset);
  put(out, "length", from.length);
  out.Set("code", from.code);
  out.Set("message", from.message);
  return out;
}

// What JavaScript does with a mount while its session runs.
Napi::Object controls(Napi::Env env, std::shared_ptr<Session> session) {
  auto out = Napi::Object::New(env);
  out.Set("replace", function(env, "replace", [session](const Info& call) {
            session->replace(tree(call[0]));
            return call.Env().Undefined();
          }));
  out.Set("provide", function(env, "provide", [session](const Info& call) {
            session->images().provide(static_cast<uint64_t>(call[0].ToNumber().Int64Value()), from_handle<Content>(call[1], "content"));
            return call.Env().Undefined();
          }));
  out.Set("refuse", function(env, "refuse", [session](const Info& call) {
            session->images().refuse(static_cast<uint64_t>(call[0].ToNumber().Int64Value()), call[1].ToNumber().Int32Value());
            return call.Env().Undefined();
          }));
  out.Set("release", function(env, "release", [session](const Info& call) -> Napi::Value {
            return Napi::Boolean::New(call.Env(), session->images().release(static_cast<uint64_t>(call[0].ToNumber().Int64Value())));
          }));
  out.Set("stop", function(env, "stop", [session](const Info& call) {
            session->stop();
            return call.Env().Undefined();
          }));
  out.Set("counters", function(env, "counters", [session](const Info& call) -> Napi::Value {
            const Session::Counters now = session->counters();
            auto it = Napi::Object::New(call.Env());
            put(it, "reads", now.reads);
            put(it, "bytes", now.bytes);
            put(it, "errors", now.errors);
            put(it, "handles", now.handles);
            put(it, "images", now.images);
            put(it, "waiting", now.waiting);
            return it;
          }));
  return out;
}

Napi::Value start_session(const Info& info) {
  const Napi::Env env = info.Env();
  const Napi::Object from = object(info[0], "options");
  const Napi::Value listener = from.Get("onEvent");
  if (!listener.IsFunction()) throw Error("NATIVE_ARGUMENT", "onEvent must be a function");
  SessionOptions options;
  options.mount_point = text(from, "mountPoint");
  options.name = text(from, "name");
  options.allow_other = from.Get("allowOther").ToBoolean().Value();
  options.writable = from.Get("writable").ToBoolean().Value();
  // The post function exists once the thread runs, and the session calls its listener from there on only.
  const auto post = std::make_shared<Run::Post>();
  Session::Listener heard;
  heard.prepare = [post](uint64_t image) {
    (*post)([image](Napi::Env inner) -> Napi::Value {
      auto event = Napi::Object::New(inner);
      event.Set("event", "prepare");
      put(event, "image", image);
      return event;
    });
  };
  heard.damaged = [post](const Session::Damage& damage) { (*post)([damage](Napi::Env inner) { return damage_event(inner, damage); }); };
  heard.ready = [post] {
    (*post)([](Napi::Env inner) -> Napi::Value {
      auto event = Napi::Object::New(inner);
      event.Set("event", "ready");
      return event;
    });
  };
  const auto session = std::make_shared<Session>(std::move(options), tree(from.Get("tree")), std::move(heard));
  auto out = controls(env, session);
  out.Set("finished", Run::start(
                          env, "strata mount",
                          [session, post](const Run::Post& call) -> Run::Deliver {
                            *post = call;
                            session->run();
                            return [](Napi::Env inner) { return inner.Undefined(); };
                          },
                          [session] { session->stop(); }, listener.As<Napi::Function>()));
  return out;
}

}  // namespace

void add_mounts(Napi::Env env, Napi::Object exports) { exports.Set("startSession", function(env, "startSession", start_session)); }

}  // namespace strata::glue
