#include "pack_stream.h"

namespace strata {
namespace {
constexpr unsigned kUnanswered = 3;
}  // namespace

PackStream::PackStream(Options options, Control& control, OnPack on_pack)
    : options_(std::move(options)), control_(control), on_pack_(std::move(on_pack)), sequence_(options_.first) {}

PackWriter& PackStream::current() {
  if (!pack_) {
    const PackId id = pack_id(options_.run_id, sequence_);
    pack_.emplace(options_.spool + "/" + hex(id) + ".pack", id);
  }
  return *pack_;
}

void PackStream::appended(FrameCodec& codec) {
  bytes_ = given_out_ + pack_->size();
  if (pack_->size() >= options_.pack_size) give_out(codec);
}

void PackStream::give_out(FrameCodec& codec) {
  if (!pack_) return;
  pack_->finish(codec);
  given_out_ += pack_->size();
  bytes_ = given_out_;
  const FinishedPack pack{sequence_++, pack_->id(), pack_->path(), pack_->size(), pack_->frames().size()};
  pack_.reset();
  give_out(pack);
}

void PackStream::give_out(const FinishedPack& pack) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return unanswered_ < kUnanswered || control_.stopping(); });
    unanswered_++;
  }
  try {
    on_pack_(pack);
  } catch (...) {
    answer(false);  // it was not taken, so nobody else will
    throw;
  }
}

bool PackStream::await_answers() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return unanswered_ == 0 || abandoned_; });
  return !failed_;
}

void PackStream::failed() {
  control_.fail(std::make_exception_ptr(Error("PACK_STORE_FAILED", "a pack could not be stored")));
  answer(false);
}

void PackStream::answer(bool stored) {
  const std::lock_guard lock(mutex_);
  failed_ = failed_ || !stored;
  unanswered_--;
  changed_.notify_all();
}

void PackStream::abandon() {
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  changed_.notify_all();
}

void PackStream::wake() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

}  // namespace strata
