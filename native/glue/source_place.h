// Where a source lies, as src/native.ts says it.
#pragma once
#include "../core/nbd_export.h"
#include "../core/source.h"
#include "convert.h"
#include "handle.h"

namespace strata::glue {

// Of options with `source`, `kind` and `size`.
inline SourcePlace source_place(const Napi::Object& from) {
  SourcePlace out;
  out.size = count(from, "size");
  const std::string kind = text(from, "kind");
  out.kind = kind == "device" ? SourceKind::device : kind == "stream" ? SourceKind::stream : kind == "nbd" ? SourceKind::nbd : SourceKind::file;
  const Napi::Value source = from.Get("source");
  if (out.kind == SourceKind::nbd) {
    out.nbd = from_handle<NbdExport>(source, "source");
    out.path = out.nbd->path();
    if (out.size != out.nbd->facts().size) throw Error("NATIVE_ARGUMENT", "size must be the export's");
  } else if (source.IsString()) {
    out.path = source.ToString().Utf8Value();
  } else {
    out.fd = static_cast<int>(count(object(source, "source"), "fd"));
    out.path = "standard input";
  }
  return out;
}

}  // namespace strata::glue
