// Open points, image files made of them, overlays, and reading them from JavaScript; typed in src/native.ts.
#include <sys/file.h>

#include "../core/export.h"
#include "../core/image.h"
#include "../core/overlay.h"
#include "function.h"
#include "handle.h"
#include "remote.h"

namespace strata::glue {
namespace {

constexpr uint64_t kMostRead = 32 << 20;

Napi::Value open_read_store(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  ReadStoreOptions options;
  options.vault = vault(from.Get("vault"));
  options.packs = pack_place(from);
  options.block_size = block_size(from);
  options.cache_bytes = count(from, "cacheBytes");
  options.threads = static_cast<unsigned>(count(from, "threads"));
  return to_handle(info.Env(), std::make_shared<ReadStore>(std::move(options)));
}

Napi::Value read_store_counters(const Info& info) {
  const auto now = from_handle<ReadStore>(info[0], "store")->counters();
  auto out = Napi::Object::New(info.Env());
  put(out, "hits", now.hits);
  put(out, "misses", now.misses);
  put(out, "cachedBlocks", now.blocks);
  put(out, "buffers", now.buffers);
  return out;
}

Napi::Value open_point(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const auto store = from_handle<ReadStore>(from.Get("store"), "store");
  const auto layers = chain(from, "chain", store->block_size());
  const uint64_t size = count(from, "size");
  const std::string folder = text(from, "folder");
  const auto control = std::make_shared<Control>();
  return Run::start(
      info.Env(), "strata open",
      [=](const Run::Post&) -> Run::Deliver {
        const auto point = std::make_shared<Point>(store, layers, size, folder, *control);
        return [point](Napi::Env env) { return to_handle(env, point); };
      },
      [control] { control->cancel(); });
}

// Data ranges of a point, as offset, length, offset, length …
Napi::Value point_extents(const Info& info) {
  const auto point = from_handle<Point>(info[0], "point");
  return Run::start(
      info.Env(), "strata extents",
      [point](const Run::Post&) -> Run::Deliver {
        const auto found = std::make_shared<std::vector<double>>();
        const PointMap& map = point->map();
        const double block = point->block_size();
        for (uint64_t start = map.next(0, true); start < map.blocks();) {
          const uint64_t end = map.next(start, false);
          found->push_back(static_cast<double>(start) * block);
          found->push_back(static_cast<double>(end - start) * block);
          start = map.next(end, true);
        }
        return [found](Napi::Env env) {
          auto out = Napi::Float64Array::New(env, found->size());
          std::copy(found->begin(), found->end(), out.Data());
          return out;
        };
      },
      [] {});
}

std::vector<uint64_t> offsets(const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
    throw Error("NATIVE_ARGUMENT", std::string(name) + " must be a Float64Array");
  const auto list = value.As<Napi::Float64Array>();
  std::vector<uint64_t> out(list.ElementLength());
  for (size_t i = 0; i < out.size(); i++) {
    if (!(list[i] >= 0 && list[i] <= 9007199254740991.0)) throw Error("NATIVE_ARGUMENT", std::string(name) + " must be whole numbers of at least 0");
    out[i] = static_cast<uint64_t>(list[i]);
  }
  return out;
}

Napi::Value open_image(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const auto point = from_handle<Point>(from.Get("point"), "point");
  const View kinds = bytes(from.Get("kinds"), "kinds");
  const auto starts = offsets(from, "starts"), sources = offsets(from, "sources");
  if (kinds.size() != starts.size() || kinds.size() != sources.size()) throw Error("NATIVE_ARGUMENT", "the lists of segments differ in length");
  std::vector<Image::Segment> segments;
  segments.reserve(kinds.size());
  for (size_t i = 0; i < kinds.size(); i++) {
    if (kinds[i] > 2) throw Error("NATIVE_ARGUMENT", "no such kind of segment");
    segments.push_back({starts[i], static_cast<Image::Kind>(kinds[i]), sources[i]});
  }
  const View literals = bytes(from.Get("literals"), "literals");
  const std::shared_ptr<Content> image = std::make_shared<Image>(point, std::move(segments), Bytes(literals.begin(), literals.end()), count(from, "size"));
  return to_handle(info.Env(), image);
}

Napi::Value open_overlay(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const auto base = from_handle<Content>(from.Get("content"), "content");
  OverlayPlace place{text(from, "path"), count(from, "bitsOffset"), count(from, "dataOffset")};
  Fd file(fcntl(static_cast<int>(count(from, "fd")), F_DUPFD_CLOEXEC, 0));
  if (!file) throw Error("OVERLAY_READ", "cannot open an overlay", errno, place.path);
  // Two that write one overlay would ruin it. Tied to the open file: gone with the last descriptor of it.
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) throw Error("OVERLAY_IN_USE", "an overlay is in use", errno, place.path);
  const std::shared_ptr<Content> overlay = std::make_shared<Overlay>(base, std::move(place), std::move(file));
  return to_handle(info.Env(), overlay);
}

Napi::Value overlay_written(const Info& info) {
  const auto overlay = std::dynamic_pointer_cast<Overlay>(from_handle<Content>(info[0], "overlay"));
  if (!overlay) throw Error("NATIVE_ARGUMENT", "the content is no overlay");
  std::vector<Range> ranges;
  for (const auto& [offset, length] : overlay->written()) ranges.push_back({offset, length});
  return pairs(info.Env(), ranges);
}

// One small action on a content, in a thread of libuv's pool.
class Access : public Napi::AsyncWorker {
 public:
  using Work = std::function<void()>;
  using Result = std::function<Napi::Value(Napi::Env)>;
  static Napi::Promise start(Napi::Env env, Work work, Result result) {
    auto* const it = new Access(env, std::move(work), std::move(result));
    const Napi::Promise promise = it->deferred_.Promise();
    it->Queue();
    return promise;
  }

 private:
  Access(Napi::Env env, Work work, Result result)
      : AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), work_(std::move(work)), result_(std::move(result)) {}
  void Execute() override {
    try {
      work_();
    } catch (...) {
      failure_ = to_error(std::current_exception());
      SetError("failed");
    }
  }
  void OnOK() override { deferred_.Resolve(result_(Env())); }
  void OnError(const Napi::Error&) override { deferred_.Reject(to_js(Env(), *failure_).Value()); }

  Napi::Promise::Deferred deferred_;
  Work work_;
  Result result_;
  std::optional<Error> failure_;
};

const auto undefined = [](Napi::Env env) -> Napi::Value { return env.Undefined(); };

void require_within(const Content& content, uint64_t offset, uint64_t length) {
  if (offset > content.size() || length > content.size() - offset) throw Error("NATIVE_ARGUMENT", "a range outside the content");
}

std::shared_ptr<Stream> stream_of(const Napi::Value& value) { return value.IsUndefined() ? std::make_shared<Stream>() : from_handle<Stream>(value, "stream"); }

Napi::Value open_stream(const Info& info) { return to_handle(info.Env(), std::make_shared<Stream>()); }

Napi::Value read_at_offset(const Info& info) {
  const auto content = from_handle<Content>(info[0], "content");
  const Napi::Object from = object(info[1], "range");
  const uint64_t offset = count(from, "offset"), length = count(from, "length");
  require_within(*content, offset, length);
  if (length > kMostRead) throw Error("NATIVE_ARGUMENT", "at most 32 MiB are read at once");
  const auto stream = stream_of(info[2]);
  // Into the caller's buffer, when it gives one: a new one costs its page faults and the collector's time.
  auto buffer = info[3].IsUndefined() ? Napi::Buffer<uint8_t>::New(info.Env(), length) : info[3].As<Napi::Buffer<uint8_t>>();
  if (bytes(buffer, "into").size() < length) throw Error("NATIVE_ARGUMENT", "the buffer to read into is too small");
  const auto kept = std::make_shared<Napi::Reference<Napi::Buffer<uint8_t>>>(Napi::Persistent(buffer));
  const std::span<uint8_t> out(buffer.Data(), length);
  return Access::start(
      info.Env(), [content, stream, offset, out] { content->read(*stream, offset, out); }, [kept](Napi::Env) -> Napi::Value { return kept->Value(); });
}

Napi::Value write_at_offset(const Info& info) {
  const auto content = from_handle<Content>(info[0], "content");
  const uint64_t offset = count(object(info[1], "range"), "offset");
  const View from = bytes(info[2], "bytes");
  require_within(*content, offset, from.size());
  const auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(info[2].As<Napi::Object>()));
  return Access::start(info.Env(), [content, offset, from] { content->write(offset, from); }, [kept](Napi::Env env) { return undefined(env); });
}

Napi::Value zero_range(const Info& info) {
  const auto content = from_handle<Content>(info[0], "content");
  const Napi::Object from = object(info[1], "range");
  const uint64_t offset = count(from, "offset"), length = count(from, "length");
  require_within(*content, offset, length);
  return Access::start(info.Env(), [=] { content->zero(offset, length); }, undefined);
}

Napi::Value flush(const Info& info) {
  const auto content = from_handle<Content>(info[0], "content");
  return Access::start(info.Env(), [content] { content->flush(); }, undefined);
}

// Runs of a range: their lengths, those of zeros negative. At most `most` of them.
Napi::Value content_runs(const Info& info) {
  const auto content = from_handle<Content>(info[0], "content");
  const Napi::Object from = object(info[1], "range");
  const uint64_t offset = count(from, "offset"), length = count(from, "length"), most = count(from, "most");
  require_within(*content, offset, length);
  const auto found = std::make_shared<std::vector<double>>();
  return Access::start(
      info.Env(),
      [=] {
        for (uint64_t at = offset; at < offset + length && found->size() < most;) {
          const Content::Run run = content->run_at(at);
          const uint64_t end = std::min(run.end, offset + length);
          const double signed_length = static_cast<double>(end - at) * (run.data ? 1 : -1);
          if (!found->empty() && (found->back() > 0) == run.data)
            found->back() += signed_length;
          else
            found->push_back(signed_length);
          at = end;
        }
      },
      [found](Napi::Env env) -> Napi::Value {
        auto out = Napi::Float64Array::New(env, found->size());
        std::copy(found->begin(), found->end(), out.Data());
        return out;
      });
}

Napi::Value content_size(const Info& info) { return Napi::Number::New(info.Env(), static_cast<double>(from_handle<Content>(info[0], "content")->size())); }

Napi::Value start_export(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  ExportOptions options{from_handle<Content>(from.Get("content"), "content"), static_cast<int>(count(from, "fd")), from.Get("sparse").ToBoolean().Value()};
  const auto held = std::make_shared<Held<Export>>(std::make_shared<Export>(std::move(options)));
  const auto progress = [held](Napi::Env env) {
    const ExportProgress now = held->progress();
    auto out = Napi::Object::New(env);
    put(out, "position", now.position);
    put(out, "bytesWritten", now.bytes_written);
    return out;
  };
  return run_object(
      info.Env(), "strata export", held,
      [held, progress]() -> Run::Deliver {
        const bool whole = held->run();
        return [progress, whole](Napi::Env env) -> Napi::Value {
          auto out = progress(env);
          out.Set("cancelled", !whole);
          return out;
        };
      },
      progress);
}

}  // namespace

void add_images(Napi::Env env, Napi::Object exports) {
  exports.Set("openReadStore", function(env, "openReadStore", open_read_store));
  exports.Set("readStoreCounters", function(env, "readStoreCounters", read_store_counters));
  exports.Set("openPoint", function(env, "openPoint", open_point));
  exports.Set("pointExtents", function(env, "pointExtents", point_extents));
  exports.Set("openImage", function(env, "openImage", open_image));
  exports.Set("openOverlay", function(env, "openOverlay", open_overlay));
  exports.Set("overlayWritten", function(env, "overlayWritten", overlay_written));
  exports.Set("openStream", function(env, "openStream", open_stream));
  exports.Set("contentSize", function(env, "contentSize", content_size));
  exports.Set("readAt", function(env, "readAt", read_at_offset));
  exports.Set("writeAt", function(env, "writeAt", write_at_offset));
  exports.Set("zeroAt", function(env, "zeroAt", zero_range));
  exports.Set("flush", function(env, "flush", flush));
  exports.Set("contentRuns", function(env, "contentRuns", content_runs));
  exports.Set("startExport", function(env, "startExport", start_export));
}

}  // namespace strata::glue
