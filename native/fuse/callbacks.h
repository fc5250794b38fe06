// The callbacks that libfuse calls for requests of the kernel; they return 0 or more, or -errno. High-level operations, whose shape
// WinFsp's FUSE layer shares.
#pragma once
#define FUSE_USE_VERSION 312
#include <fuse.h>

#include <cerrno>
#include <new>

#include "served.h"

namespace strata {

constexpr int kPreferredRead = 1 << 20;  // what readers should ask for at once

// What the mount shows that is asked.
inline Served& served() { return *static_cast<Served*>(fuse_get_context()->private_data); }

// libfuse is C: nothing may be thrown through it.
template <auto Callback>
struct Caught;
template <typename Result, typename... Words, Result (*Callback)(Words...)>
struct Caught<Callback> {
  static Result call(Words... words) {
    try {
      return Callback(words...);
    } catch (const std::bad_alloc&) {
      return -ENOMEM;
    } catch (...) {
      return -EIO;
    }
  }
};

// The node of a path as libfuse gives it, kept alive by `tree`; null when there is none.
const Node* find_node(std::shared_ptr<const Tree>& tree, const char* path);

// Adds the callbacks about names: what there is, and how it is called (name_callbacks.cc).
void add_name_callbacks(fuse_operations& out);

// Adds the callbacks about open files: what is in them (file_callbacks.cc).
void add_file_callbacks(fuse_operations& out);

}  // namespace strata
