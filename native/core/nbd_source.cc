#include "nbd_source.h"

#include <cerrno>

namespace strata {
namespace {

const std::string kAllocation = "base:allocation";
// NBD_STATE_ZERO of that context: it reads as zeros. A hole need not.
constexpr uint32_t kZero = 2;
// Asked for at once: as much as a request can, in whole blocks of any server.
constexpr uint64_t kAhead = (uint64_t{1} << 32) - (1u << 16);

// Asks about a range from `offset` on, and calls each(offset, length, flags) for what comes; 0, or the server's errno.
template <typename Each>
int ask(NbdExport& from, const std::string& context, uint64_t offset, const Control& control, Each&& each) {
  const uint64_t size = from.facts().size;
  NbdExtents extents;
  if (const int error = from.status(context, offset, std::min(kAhead, size - offset), extents, control)) return error;
  uint64_t at = offset;
  for (size_t i = 0; i + 1 < extents.size() && at < size; i += 2) {
    const uint64_t length = std::min<uint64_t>(extents[i], size - at);  // the last may reach over the end
    each(at, length, extents[i + 1]);
    at += length;
  }
  return at > offset ? 0 : EPROTO;
}

}  // namespace

NbdSource::NbdSource(std::shared_ptr<NbdExport> from, const Control& control) : Source(from->path(), from->facts().size, control), from_(std::move(from)) {
  const auto& contexts = from_->facts().contexts;
  tells_ = std::find(contexts.begin(), contexts.end(), kAllocation) != contexts.end();
}

Range NbdSource::next_data(uint64_t offset) {
  const uint64_t asked = offset;
  if (offset >= empty_.offset && offset < empty_.offset + empty_.length) offset = empty_.offset + empty_.length;
  const auto empty_until = [&](uint64_t end) {
    if (end > asked) empty_ = {asked, end - asked};
  };
  while (offset < size_) {
    if (!tells_ || control_.stopping()) return {offset, size_ - offset};
    if (offset < known_from_ || offset >= known_to_) look(offset);
    const auto next = std::upper_bound(data_.begin(), data_.end(), offset, [](uint64_t at, const Range& it) { return at < it.offset + it.length; });
    if (next != data_.end()) {
      const uint64_t start = std::max(offset, next->offset);
      empty_until(start);
      return {start, next->offset + next->length - start};
    }
    offset = std::max(offset, known_to_);
  }
  empty_until(size_);
  return {size_, 0};
}

void NbdSource::look(uint64_t offset) {
  data_.clear();
  known_from_ = known_to_ = offset;
  const int error = ask(*from_, kAllocation, offset, control_, [&](uint64_t at, uint64_t length, uint32_t flags) {
    if ((flags & kZero) == 0) add_range(data_, {at, length});
    known_to_ = at + length;
  });
  if (error != 0 && !control_.stopping()) tells_ = false;  // then all of it is read
}

ssize_t NbdSource::attempt(uint64_t offset, size_t length, uint8_t* to) {
  const int error = from_->read(offset, length, to, control_);
  return error != 0 ? -error : static_cast<ssize_t>(length);
}

std::vector<Range> flagged(NbdExport& from, const std::string& context, const Control& control) {
  std::vector<Range> out;
  for (uint64_t at = 0; at < from.facts().size;) {
    const int error = ask(from, context, at, control, [&](uint64_t offset, uint64_t length, uint32_t flags) {
      if (flags != 0) add_range(out, {offset, length});
      at = offset + length;
    });
    if (control.stopping()) throw Error("CANCELLED", "stopped", 0, from.path());
    if (error != 0) throw Error("SOURCE_READ", "cannot read " + context + " of " + from.path(), error, from.path());
  }
  return out;
}

}  // namespace strata
