// What repair needs of native; typed in src/native.ts.
#include "../core/compare.h"
#include "../core/rebuild.h"
#include "../core/salvage.h"
#include "dedup.h"
#include "function.h"
#include "remote.h"

namespace strata::glue {
namespace {

// Teaches an index the frames of packs whose own index is damaged.
Napi::Value index_frames(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const Index index = open_index(from.Get("dedup"));
  const std::vector<PackFile> packs = pack_files(from, "packs");
  const auto bad = bad_places(from, "bad");
  return Run::start(
      info.Env(), "strata frames",
      [=](const Run::Post&) -> Run::Deliver {
        const std::set<BadPlace> passed(bad.begin(), bad.end());
        uint64_t found = 0;
        for (const PackFile& pack : packs)
          for (const PackedFrame& it : scan_frames(*pack.open())) {
            if (passed.contains({pack.id, it.offset}) || index->find(it.digest)) continue;
            index->add(it.digest, {pack.id, it.offset, it.length});
            found++;
          }
        return [found](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, static_cast<double>(found)); };
      },
      [] {});
}

Napi::Value salvage(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const auto key = vault(from.Get("vault"));
  const PackFile pack = pack_file(from.Get("pack"));
  const std::string path = text(from, "path");
  const auto id = from_hex<sizeof(PackId)>(text(from, "id"));
  const auto control = std::make_shared<Control>();
  return Run::start(
      info.Env(), "strata salvage",
      [=](const Run::Post&) -> Run::Deliver {
        const Salvaged found = salvage_pack(key, pack, id, path, *control);
        return [found](Napi::Env env) {
          auto out = Napi::Object::New(env);
          put(out, "frames", found.frames);
          put(out, "bytes", found.bytes);
          return out;
        };
      },
      [control] { control->cancel(); });
}

std::optional<ColumnRef> optional_column(const Napi::Value& value, const char* name) {
  if (value.IsNull()) return {};
  return column(object(value, name));
}

Napi::Value rebuild_result(Napi::Env env, const RebuildOutcome& from) {
  auto out = Napi::Object::New(env);
  out.Set("cancelled", from.cancelled);
  out.Set("column", written_column(env, from.column));
  put(out, "mended", from.mended);
  out.Set("lost", pairs(env, from.lost));
  out.Set("bad", places_to_js(env, from.bad));
  out.Set("wrongQuickCheck", from.wrong_quick_check);
  return out;
}

Napi::Value start_rebuild(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  RebuildOptions options;
  options.vault = vault(from.Get("vault"));
  options.location = optional_column(from.Get("loc"), "loc");
  options.digest = optional_column(from.Get("dig"), "dig");
  options.packs = pack_place(from);
  options.block_size = block_size(from);
  options.size = count(from, "size");
  const Napi::Value dedup = from.Get("dedup");
  if (dedup.IsObject()) options.index = open_index(dedup);
  options.missing_packs = pack_ids(from, "missingPacks");
  options.bad_places = bad_places(from, "badPlaces");
  options.path = text(from, "path");
  options.threads = static_cast<unsigned>(count(from, "threads"));
  const std::string which = text(from, "column");
  if (which != "loc" && which != "dig") throw Error("NATIVE_ARGUMENT", "column must be loc or dig");
  const auto column = which == "loc" ? Rebuild::Column::location : Rebuild::Column::digest;
  const auto held = std::make_shared<Held<Rebuild>>(std::make_shared<Rebuild>(column, std::move(options)));
  return run_object(
      info.Env(), "strata rebuild", held,
      [held]() -> Run::Deliver {
        const auto outcome = std::make_shared<RebuildOutcome>(held->run());
        return [outcome](Napi::Env env) { return rebuild_result(env, *outcome); };
      },
      [held](Napi::Env env) -> Napi::Value {
        const RebuildProgress now = held->progress();
        auto out = Napi::Object::New(env);
        put(out, "position", now.position);
        put(out, "bytesRead", now.bytes_read);
        return out;
      });
}

Napi::Value content_root_of(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const auto key = vault(from.Get("vault"));
  const uint32_t block = block_size(from);
  const auto layers = chain(from, "chain", block);
  const uint64_t size = count(from, "size");
  return Run::start(
      info.Env(), "strata root",
      [=](const Run::Post&) -> Run::Deliver {
        const std::string root = hex(content_root(key, layers, size, block));
        return [root](Napi::Env env) -> Napi::Value { return Napi::String::New(env, root); };
      },
      [] {});
}

Napi::Value lost_ranges_of(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const auto key = vault(from.Get("vault"));
  const uint32_t block = block_size(from);
  const auto layers = chain(from, "chain", block);
  const uint64_t size = count(from, "size");
  const auto missing = pack_ids(from, "missingPacks");
  const auto bad = bad_places(from, "badPlaces");
  return Run::start(
      info.Env(), "strata lost",
      [=](const Run::Post&) -> Run::Deliver {
        const auto found = std::make_shared<std::vector<LostRange>>(lost_ranges(key, layers, block, missing, bad));
        return [found, size](Napi::Env env) {
          auto out = Napi::Array::New(env, found->size());
          for (uint32_t i = 0; i < found->size(); i++) {
            const LostRange& it = (*found)[i];
            auto one = Napi::Object::New(env);
            put(one, "offset", it.offset);
            // The last block may reach beyond the disk.
            put(one, "length", std::min(it.length, size - std::min(size, it.offset)));
            one.Set("pack", hex(it.pack));
            one.Set("missing", it.missing);
            out.Set(i, one);
          }
          return out;
        };
      },
      [] {});
}

}  // namespace

void add_repair(Napi::Env env, Napi::Object exports) {
  exports.Set("indexFrames", function(env, "indexFrames", index_frames));
  exports.Set("salvagePack", function(env, "salvagePack", salvage));
  exports.Set("startRebuild", function(env, "startRebuild", start_rebuild));
  exports.Set("contentRoot", function(env, "contentRoot", content_root_of));
  exports.Set("lostRanges", function(env, "lostRanges", lost_ranges_of));
}

}  // namespace strata::glue
