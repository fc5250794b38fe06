#include "salvage.h"

namespace strata {

Salvaged salvage_pack(const std::shared_ptr<const Vault>& vault, const PackFile& from, const PackId& id, const std::string& path, const Control& control) {
  FrameCodec codec(vault);
  const auto source = from.open();
  std::optional<PackWriter> pack;
  Salvaged out;
  Bytes frame, raw;
  for (const PackedFrame& it : scan_frames(*source)) {
    if (control.stopping()) throw Error("CANCELLED", "the salvage of a pack was cancelled");
    frame.resize(it.length);
    try {
      source->read_exact(frame, it.offset);
      codec.open(FrameType::block, {}, frame, raw, Check::digest);
    } catch (const Error& error) {
      if (error.code() != "FRAME_DAMAGED" && error.code() != "PACK_READ") throw;
      continue;
    }
    if (!pack) pack.emplace(path, id);
    pack->append(frame, it.digest, it.raw_length);
    out.frames++;
  }
  if (!pack) return out;
  pack->finish(codec);
  out.bytes = pack->size();
  return out;
}

}  // namespace strata
