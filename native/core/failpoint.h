// Named places where a test makes a run fail or die: STRATA_FAILPOINT="NAME:N:kill|eio|enospc" acts at the N-th hit of NAME in this
// process ("native.*" counts every native place, "native.source.*" those of the source; "-" in front of the action, as in "1-:eio", acts
// from the N-th hit on).
// STRATA_FAILPOINT_TRACE=FILE appends the name of each hit to FILE. Without these variables a hit is one load of a flag.
#pragma once
#include <atomic>

namespace strata {

extern const bool failpoints_armed;
int failpoint_hit(const char* name);

// 0, or the errno that the operation named should fail with.
inline int failpoint(const char* name) { return failpoints_armed ? failpoint_hit(name) : 0; }

}  // namespace strata
