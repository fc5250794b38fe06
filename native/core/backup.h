// The backup pipeline: source → blocks → frames → packs and a delta map, without JavaScript on the way.
//
// Every worker takes the next piece of the disk (a few blocks, or a hole), reads it, and per block: zero test, digest, comparison with
// the parent's digest, look-up of the digest in the repository, compression, sealing. Pieces are then committed strictly in disk
// order by whichever worker completes the next one: the hash tree, the two map columns and the pack are written there, so they need no locks.
// A window bounds the pieces in flight, the stream of packs those that are finished but not yet stored; together they are the whole memory.
//
// Not all of a disk need be read: blocks that nobody allocated become zero, blocks that did not change stay what the parent has. Each is read
// all the same when a part of it is neither, or when the parent's frame of it is lost.
#pragma once
#include <chrono>
#include <set>

#include "block_runs.h"
#include "chain.h"
#include "dedup_index.h"
#include "merkle.h"
#include "pack_numbers.h"
#include "pack_stream.h"
#include "sample.h"
#include "source.h"

namespace strata {

struct BackupOptions {
  std::shared_ptr<const Vault> vault;
  std::string source;
  int fd = -1;
  SourceKind kind = SourceKind::file;
  uint64_t size = 0;
  std::shared_ptr<NbdExport> nbd;
  uint32_t block_size = 0;
  std::vector<Layer> parent;
  std::vector<PackId> missing_packs;
  std::vector<BadPlace> bad_places;
  std::shared_ptr<DedupIndex> dedup;
  std::string spool;
  RunId run_id{};
  uint64_t pack_size = 0;
  int level = 1;
  unsigned threads = 0;
  uint64_t rate_limit = 0;
  // Ranges of bytes, ascending and apart; not of a stream. Where both hold a block, it is unallocated.
  std::vector<Range> unallocated, unchanged;
  // How many of the unchanged blocks are read nevertheless, and compared.
  Sample audit{0, 0};
  // What the parent has as zeros may never have been read: unchanged blocks that are zero there are read.
  bool zeros_unread = false;
};

struct BackupProgress {
  uint64_t position, bytes_read, bytes_new, bytes_stored;
};

struct BackupOutcome {
  bool cancelled = false, direct = false;
  unsigned threads = 0;
  uint64_t size = 0, bytes_read = 0, bytes_new = 0, bytes_stored = 0;
  uint64_t changed_blocks = 0, zero_blocks = 0, deduplicated_blocks = 0;
  // Blocks that the parent keeps in frames known to be damaged, and that were read again.
  uint64_t bad_blocks = 0;
  // Bytes of the disk that were not read, holes among them.
  uint64_t unallocated = 0, unchanged = 0;
  // Blocks that were read though unchanged, and those of them that are not what the parent has.
  uint64_t audited_blocks = 0;
  std::vector<Range> changed_unseen;
  WrittenColumn location, digest;
  Digest root{};
  std::vector<Range> unreadable;
};

class Backup {
 public:
  Backup(BackupOptions options, PackStream::OnPack on_pack);
  ~Backup();

  // Blocks until all threads have ended and all packs are answered for, however it ends.
  BackupOutcome run();
  void cancel();
  // Cancels, and waits for no answers any more: whoever would give them is gone.
  void abandon();
  // Answers to on_pack, from any thread.
  void pack_stored();
  void pack_failed();
  BackupProgress progress() const;

 private:
  struct Block;
  struct Piece;
  enum class Fate { read, zero, keep };
  // What is known of an unchanged block before it is planned.
  struct Ahead {
    BlockDigest parent{};
    bool data = false, read = false, audited = false;
  };
  bool claim(Piece*& out);
  std::pair<Fate, uint64_t> fate_of(uint64_t block);
  void look_ahead(uint64_t first, uint64_t count);
  void plan(Piece& piece);
  void plan_reading(Piece& piece, uint64_t limit);
  void compare_with_parent(Piece& piece);
  template <typename Each>
  void take_parent(const Piece& piece, Each&& data);
  void keep_rate(uint64_t bytes);
  void work(FrameCodec& codec, Piece& piece);
  void submit(Piece& piece);
  void commit(Piece& piece);
  void commit_zeros(const Piece& piece);
  void commit_kept(const Piece& piece);
  void commit_audit(const Piece& piece);
  void commit_block(uint64_t number, const Block& block, const Piece& piece);
  FramePlace store(const Block& block, const Piece& piece);
  bool lost(const PackId& pack, uint32_t offset);
  uint64_t bytes_of(const Piece& piece) const;
  void read_all();
  void wake();

  const BackupOptions options_;
  Control control_;
  PackStream packs_;
  std::unique_ptr<Source> source_;
  unsigned threads_;
  uint32_t piece_blocks_;

  // Claiming, under claim_mutex_.
  std::mutex claim_mutex_;
  FrameCodec claim_codec_;
  std::optional<ChainWindow<BlockDigest>> parent_;
  std::optional<ChainWindow<Location>> parent_places_;
  const std::set<PackId> missing_;
  const std::set<BadPlace> bad_;
  BlockRuns unallocated_, unchanged_;
  std::vector<Ahead> ahead_;
  size_t ahead_at_ = 0;
  std::vector<std::unique_ptr<Piece>> pieces_;
  uint64_t blocks_ = 0, next_block_ = 0, claimed_ = 0, stream_size_ = 0, bad_blocks_ = 0;
  bool exhausted_ = false;
  std::chrono::steady_clock::time_point allowed_at_{};

  // The order of commits, under order_mutex_.
  std::mutex order_mutex_;
  std::condition_variable order_changed_;
  uint64_t committed_ = 0;
  bool committing_ = false;

  // Written by the committing worker only.
  FrameCodec commit_codec_;
  Merkle merkle_;
  std::optional<ColumnWriter<Location>> location_;
  std::optional<ColumnWriter<BlockDigest>> digest_;
  PackNumbers numbers_;
  BackupOutcome outcome_;
  std::atomic<uint64_t> position_{0}, bytes_read_{0}, bytes_new_{0};
};

}  // namespace strata
