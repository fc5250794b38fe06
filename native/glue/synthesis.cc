// Synthesis and relocation, as typed in src/native.ts.
#include "../core/synthesis.h"

#include "../core/copy_survey.h"
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

uint32_t within_pack(const Napi::Object& from, const char* name) {
  const uint64_t it = count(from, name);
  if (it > UINT32_MAX) throw Error("NATIVE_ARGUMENT", std::string(name) + " must be less than 4 GiB");
  return static_cast<uint32_t>(it);
}

std::vector<AssembledPack> assembly(const Napi::Object& from) {
  const auto packs = object(from.Get("assembly"), "assembly").As<Napi::Array>();
  std::vector<AssembledPack> out;
  for (uint32_t i = 0; i < packs.Length(); i++) {
    const Napi::HandleScope scope(from.Env());
    const Napi::Object pack = object(packs.Get(i), "a pack of the assembly");
    AssembledPack made{{}, count(pack, "frames")};
    const auto parts = object(pack.Get("parts"), "parts").As<Napi::Array>();
    for (uint32_t n = 0; n < parts.Length(); n++) {
      const Napi::Object part = object(parts.Get(n), "a part");
      made.parts.push_back({from_hex<16>(text(part, "pack")), within_pack(part, "offset"), within_pack(part, "length")});
    }
    out.push_back(std::move(made));
  }
  return out;
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
  out.assembly = assembly(from);
  out.clone = clone(from);
  return out;
}

Napi::Object synthesis_progress(Napi::Env env, const SynthesisProgress& now) {
  auto out = Napi::Object::New(env);
  put(out, "position", now.position);
  put(out, "bytesJoined", now.bytes_joined);
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

// Columns of numbers: there may be millions of frames.
Napi::Value survey_copy_of(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const auto options = std::make_shared<SurveyOptions>();
  options->vault = vault(from.Get("vault"));
  options->chain = chain(from, "chain", block_size(from));
  options->sources = pack_files(from, "sources");
  options->resume = pack_files(from, "resume");
  const auto control = std::make_shared<Control>();
  return Run::start(
      info.Env(), "strata survey",
      [=](const Run::Post&) -> Run::Deliver {
        const auto frames = std::make_shared<std::vector<SurveyedFrame>>(survey_copy(*options, *control));
        return [frames](Napi::Env env) -> Napi::Value {
          auto pack = Napi::Uint32Array::New(env, frames->size()), offset = Napi::Uint32Array::New(env, frames->size());
          auto length = Napi::Uint32Array::New(env, frames->size());
          auto order = Napi::Float64Array::New(env, frames->size());
          for (size_t i = 0; i < frames->size(); i++) {
            const SurveyedFrame& it = (*frames)[i];
            pack.Data()[i] = it.pack;
            offset.Data()[i] = it.offset;
            length.Data()[i] = it.length;
            order.Data()[i] = static_cast<double>(it.order);
          }
          auto out = Napi::Object::New(env);
          out.Set("pack", pack);
          out.Set("offset", offset);
          out.Set("length", length);
          out.Set("order", order);
          return out;
        };
      },
      [control] { control->cancel(); });
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
  exports.Set("surveyCopy", function(env, "surveyCopy", survey_copy_of));
  exports.Set("startRelocation", function(env, "startRelocation", start_relocation));
}

}  // namespace strata::glue
