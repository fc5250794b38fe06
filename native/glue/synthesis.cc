// Synthesis and relocation, as typed in src/native.ts.
#include "../core/synthesis.h"

#include "../core/relocation.h"
#include "packing.h"
#include "remote.h"

namespace strata::glue {
namespace {

Clone clone(const Napi::Object& from) {
  const std::string it = text(from, "clone");
  if (it == "auto") return Clone::automatic;
  if (it == "require") return Clone::require;
  if (it == "never") return Clone::never;
  throw Error("NATIVE_ARGUMENT", "clone must be auto, require or never");
}

SynthesisOptions synthesis_options(const Napi::Object& from) {
  SynthesisOptions out;
  out.vault = vault(from.Get("vault"));
  out.block_size = block_size(from);
  out.chain = chain(from, "chain", out.block_size);
  out.packs = pack_place(from);
  out.size = count(from, "size");
  out.spool = text(from, "spool");
  out.run_id = from_hex<12>(text(from, "runId"));
  const std::string mode = text(from, "mode");
  if (mode != "reference" && mode != "copy") throw Error("NATIVE_ARGUMENT", "mode must be reference or copy");
  out.mode = mode == "copy" ? SynthesisMode::copy : SynthesisMode::reference;
  out.pack_size = pack_size(from);
  out.resume = pack_files(from, "resume");
  out.clone = clone(from);
  return out;
}

Napi::Object synthesis_progress(Napi::Env env, const SynthesisProgress& now) {
  auto out = Napi::Object::New(env);
  put(out, "position", now.position);
  put(out, "bytesCloned", now.bytes_cloned);
  put(out, "bytesCopied", now.bytes_copied);
  return out;
}

Napi::Object synthesis_result(Napi::Env env, const SynthesisOutcome& from, const SynthesisProgress& last) {
  auto out = synthesis_progress(env, last);
  out.Set("cancelled", from.cancelled);
  out.Set("loc", written_column(env, from.location));
  out.Set("dig", written_column(env, from.digest));
  out.Set("root", hex(from.root));
  put(out, "mapDataBlocks", from.location.data_blocks);
  put(out, "mapZeroBlocks", from.location.zero_blocks);
  put(out, "bytesReferenced", from.bytes_referenced);
  put(out, "bytesResumed", from.bytes_resumed);
  out.Set("packs", strings(env, hex_all(from.packs)));
  return out;
}

Napi::Value start_synthesis(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  return packing_run(
      info.Env(), "strata synthesis", from,
      [&](PackStream::OnPack on_pack) { return std::make_shared<Synthesis>(synthesis_options(from), std::move(on_pack)); }, synthesis_result,
      synthesis_progress);
}

RelocationOptions relocation_options(const Napi::Object& from) {
  RelocationOptions out;
  out.vault = vault(from.Get("vault"));
  out.packs = pack_place(from);
  out.pack_size = pack_size(from);
  out.spool = text(from, "spool");
  out.run_id = from_hex<12>(text(from, "runId"));
  out.clone = clone(from);
  out.live = chains(from, "live", block_size(from));
  const auto columns = object(from.Get("columns"), "columns").As<Napi::Array>();
  for (uint32_t i = 0; i < columns.Length(); i++) out.columns.push_back(column(object(columns.Get(i), "a column")));
  out.sparse = pack_ids(from, "sparse");
  return out;
}

Napi::Object relocation_progress(Napi::Env env, const RelocationProgress& now) {
  auto out = Napi::Object::New(env);
  put(out, "bytesTotal", now.total);
  put(out, "bytesCloned", now.bytes_cloned);
  put(out, "bytesCopied", now.bytes_copied);
  return out;
}

Napi::Object relocation_result(Napi::Env env, const RelocationOutcome& from, const RelocationProgress& last) {
  auto out = relocation_progress(env, last);
  out.Set("cancelled", from.cancelled);
  auto columns = Napi::Array::New(env, from.columns.size());
  for (uint32_t i = 0; i < from.columns.size(); i++) columns.Set(i, written_column(env, from.columns[i]));
  out.Set("columns", columns);
  out.Set("packs", strings(env, hex_all(from.packs)));
  return out;
}

Napi::Value start_relocation(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  return packing_run(
      info.Env(), "strata relocation", from,
      [&](PackStream::OnPack on_pack) { return std::make_shared<Relocation>(relocation_options(from), std::move(on_pack)); }, relocation_result,
      relocation_progress);
}

}  // namespace

void add_synthesis(Napi::Env env, Napi::Object exports) {
  exports.Set("startSynthesis", function(env, "startSynthesis", start_synthesis));
  exports.Set("startRelocation", function(env, "startRelocation", start_relocation));
}

}  // namespace strata::glue
