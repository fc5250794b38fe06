// What dropping points would free: the frames that they show and that nothing else does.
#pragma once
#include "chain.h"
#include "control.h"

namespace strata {

// For each of `dropped`, in order, the bytes of the frames that it shows, that no chain of `kept` shows, and that were not counted for an
// earlier one; a frame counts once, however many blocks lie in it. Memory grows with the frames of `dropped` only: 21 to 43 bytes each, and
// half as much again for a moment when the table grows. Throws MAP_MISSING, MAP_DAMAGED; CANCELLED when `control` stops.
std::vector<uint64_t> freed_bytes(const std::shared_ptr<const Vault>& vault, const std::vector<std::vector<Layer>>& kept,
                                  const std::vector<std::vector<Layer>>& dropped, const Control& control);

}  // namespace strata
