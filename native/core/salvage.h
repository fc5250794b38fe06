// Repair of a pack whose index, head or trailer is damaged: its frames that are whole, sealed as they are, in a new pack.
#pragma once
#include "control.h"
#include "pack.h"

namespace strata {

struct Salvaged {
  uint64_t frames = 0, bytes = 0;
};

// Copies the whole block frames of the pack at `from` to a new pack `id` at `path`, each read and its digest computed; damaged ones are left
// out. Makes no file when there is none. Throws PACK_MISSING, PACK_READ; CANCELLED when `control` stops.
Salvaged salvage_pack(const std::shared_ptr<const Vault>& vault, const PackFile& from, const PackId& id, const std::string& path, const Control& control);

}  // namespace strata
