// The addon's functions, as typed in src/native.ts. No work is done here: options in, results out.
#include <linux/fs.h>
#include <openssl/crypto.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <zstd.h>

#include <cerrno>

#include "../core/backup.h"
#include "../core/compare.h"
#include "../core/read_range.h"
#include "../core/restore.h"
#include "../core/verify.h"
#include "dedup.h"
#include "packing.h"
#include "remote.h"
#include "source_place.h"

namespace strata::glue {
namespace {

constexpr int kSmallLevel = 3;

Napi::Value create_vault(const Info& info) {
  const View master = bytes(info[0], "master");
  if (master.size() != 32) throw Error("NATIVE_ARGUMENT", "the master key has 32 bytes");
  auto* const it = new std::shared_ptr<const Vault>(std::make_shared<Vault>(master, info[1].ToBoolean().Value()));
  return Napi::External<std::shared_ptr<const Vault>>::New(info.Env(), it, [](Napi::Env, std::shared_ptr<const Vault>* done) { delete done; });
}

FrameType frame_type(const Napi::Value& value) {
  const auto it = value.ToNumber().Uint32Value();
  if (it < 1 || it > kFrameTypes) throw Error("NATIVE_ARGUMENT", "no such frame type");
  return static_cast<FrameType>(it);
}

// The codec of this thread for a vault: many small frames in turn are of one, and a codec is large. It keeps the vault, and so the address, alive.
FrameCodec& codec_of(const std::shared_ptr<const Vault>& key) {
  thread_local std::shared_ptr<const Vault> last;
  thread_local std::unique_ptr<FrameCodec> codec;
  if (last != key) {
    codec = std::make_unique<FrameCodec>(key);
    last = key;
  }
  return *codec;
}

Napi::Value seal_frame(const Info& info) {
  FrameCodec& codec = codec_of(vault(info[0]));
  const std::string context = info[2].ToString().Utf8Value();
  const View raw = bytes(info[3], "raw");
  const FrameType type = frame_type(info[1]);
  Bytes out;
  codec.seal(type, {reinterpret_cast<const uint8_t*>(context.data()), context.size()}, raw, codec.digest(type, raw), kSmallLevel, out);
  return Napi::Buffer<uint8_t>::Copy(info.Env(), out.data(), out.size());
}

Napi::Value open_frame(const Info& info) {
  FrameCodec& codec = codec_of(vault(info[0]));
  const std::string context = info[2].ToString().Utf8Value();
  Bytes out;
  codec.open(frame_type(info[1]), {reinterpret_cast<const uint8_t*>(context.data()), context.size()}, bytes(info[3], "frame"), out, Check::digest);
  return Napi::Buffer<uint8_t>::Copy(info.Env(), out.data(), out.size());
}

Napi::Value open_dedup_index(const Info& info) {
  const Napi::Object options = object(info[0], "options");
  const std::vector<PackFile> packs = pack_files(options, "packs");
  const auto key = vault(options.Get("vault"));
  const std::string cache = text(options, "cacheFile");
  const auto memory = static_cast<size_t>(count(options, "memoryLimit"));
  const auto bad = bad_places(options, "bad");
  return Run::start(
      info.Env(), "strata index",
      [=](const Run::Post&) -> Run::Deliver {
        const auto index = std::make_shared<DedupIndex>(key, packs, cache, memory, bad);
        return [index](Napi::Env env) {
          auto out = Napi::Object::New(env);
          // Shared with `close`, which may outlive the handle.
          const auto held = std::make_shared<Index>(index);
          auto handle = Napi::External<std::shared_ptr<Index>>::New(env, new std::shared_ptr<Index>(held), [](Napi::Env, std::shared_ptr<Index>* done) { delete done; });
          out.Set("handle", handle);
          put(out, "entries", index->entries());
          out.Set("skipped", strings(env, hex_all(index->skipped())));
          // What it holds is freed at once, not when the collector gets to it; a run that still uses it keeps it.
          out.Set("close", function(env, "close", [held](const Info& call) {
                    held->reset();
                    return call.Env().Undefined();
                  }));
          return out;
        };
      },
      [] {});
}

Napi::Object backup_result(Napi::Env env, const BackupOutcome& from, const BackupProgress&) {
  auto out = Napi::Object::New(env);
  out.Set("cancelled", from.cancelled);
  out.Set("direct", from.direct);
  put(out, "threads", from.threads);
  put(out, "size", from.size);
  put(out, "bytesRead", from.bytes_read);
  put(out, "bytesNew", from.bytes_new);
  put(out, "bytesStored", from.bytes_stored);
  put(out, "changedBlocks", from.changed_blocks);
  put(out, "zeroBlocks", from.zero_blocks);
  put(out, "deduplicatedBlocks", from.deduplicated_blocks);
  put(out, "badBlocks", from.bad_blocks);
  put(out, "mapDataBlocks", from.location.data_blocks);
  put(out, "mapZeroBlocks", from.location.zero_blocks);
  out.Set("loc", written_column(env, from.location));
  out.Set("dig", written_column(env, from.digest));
  out.Set("root", hex(from.root));
  out.Set("unreadable", pairs(env, from.unreadable));
  put(out, "bytesUnallocated", from.unallocated);
  put(out, "bytesUnchanged", from.unchanged);
  put(out, "auditedBlocks", from.audited_blocks);
  out.Set("changedUnseen", pairs(env, from.changed_unseen));
  return out;
}

BackupOptions backup_options(const Napi::Object& from) {
  BackupOptions out;
  out.vault = vault(from.Get("vault"));
  SourcePlace place = source_place(from);
  out.source = std::move(place.path);
  out.fd = place.fd;
  out.kind = place.kind;
  out.size = place.size;
  out.nbd = std::move(place.nbd);
  out.block_size = block_size(from);
  out.parent = chain(from, "parent", out.block_size);
  out.missing_packs = pack_ids(from, "missingPacks");
  out.bad_places = bad_places(from, "badPlaces");
  const Napi::Value dedup = from.Get("dedup");
  if (dedup.IsObject()) out.dedup = open_index(dedup);
  out.spool = text(from, "spool");
  out.run_id = from_hex<12>(text(from, "runId"));
  out.pack_size = pack_size(from);
  const double level = number(from, "level");
  if (!(level >= ZSTD_minCLevel() && level <= ZSTD_maxCLevel())) throw Error("NATIVE_ARGUMENT", "level must be one of zstd's");
  out.level = static_cast<int>(level);
  out.threads = static_cast<unsigned>(count(from, "threads"));
  out.rate_limit = count(from, "rateLimit");
  out.unallocated = ranges(from, "unallocated", out.size);
  out.unchanged = ranges(from, "unchanged", out.size);
  out.audit = {number(from, "auditPercent"), count(from, "auditSeed")};
  out.zeros_unread = from.Get("zerosUnread").ToBoolean().Value();
  return out;
}

Napi::Object backup_progress(Napi::Env env, const BackupProgress& now) {
  auto out = Napi::Object::New(env);
  put(out, "position", now.position);
  put(out, "bytesRead", now.bytes_read);
  put(out, "bytesNew", now.bytes_new);
  put(out, "bytesStored", now.bytes_stored);
  return out;
}

Napi::Value start_backup(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  return packing_run(
      info.Env(), "strata backup", from,
      [&](PackStream::OnPack on_pack) { return std::make_shared<Backup>(backup_options(from), std::move(on_pack)); }, backup_result, backup_progress);
}

Napi::Object restore_progress(Napi::Env env, const RestoreProgress& now) {
  auto out = Napi::Object::New(env);
  put(out, "position", now.position);
  put(out, "bytesWritten", now.bytes_written);
  put(out, "bytesSkipped", now.bytes_skipped);
  return out;
}

Napi::Value start_restore(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  RestoreOptions options;
  options.vault = vault(from.Get("vault"));
  options.block_size = block_size(from);
  options.chain = chain(from, "chain", options.block_size);
  options.packs = pack_place(from);
  options.fd = static_cast<int>(count(from, "fd"));
  options.size = count(from, "size");
  const std::string mode = text(from, "mode");
  options.mode = mode == "delta" ? RestoreMode::delta : mode == "overwrite" ? RestoreMode::overwrite : RestoreMode::fresh;
  options.sparse = from.Get("sparse").ToBoolean().Value();
  options.threads = static_cast<unsigned>(count(from, "threads"));
  options.from = count(from, "from");
  options.length = count(from, "length");
  if (options.from > options.size || options.length > options.size - options.from) throw Error("NATIVE_ARGUMENT", "the part to restore lies outside the disk");
  const auto held = std::make_shared<Held<Restore>>(std::make_shared<Restore>(std::move(options)));
  return run_object(
      info.Env(), "strata restore", held,
      [held]() -> Run::Deliver {
        const bool whole = held->run();
        return [held, whole](Napi::Env env) -> Napi::Value {
          auto out = restore_progress(env, held->progress());
          out.Set("cancelled", !whole);
          return out;
        };
      },
      [held](Napi::Env env) { return restore_progress(env, held->progress()); });
}

Napi::Value verify_result(Napi::Env env, const VerifyOutcome& from) {
  auto out = Napi::Object::New(env);
  out.Set("cancelled", from.cancelled);
  put(out, "blocksChecked", from.blocks_checked);
  put(out, "bytesRead", from.bytes_read);
  out.Set("root", hex(from.root));
  auto damage = Napi::Array::New(env, from.damage.size());
  for (uint32_t i = 0; i < from.damage.size(); i++) {
    const Damage& it = from.damage[i];
    auto one = Napi::Object::New(env);
    put(one, "offset", it.offset);
    put(one, "length", it.length);
    one.Set("pack", it.pack);
    one.Set("code", it.code);
    one.Set("message", it.message);
    auto frames = Napi::Array::New(env, it.frames.size());
    for (uint32_t n = 0; n < it.frames.size(); n++) frames.Set(n, Napi::Number::New(env, it.frames[n]));
    one.Set("frames", frames);
    damage.Set(i, one);
  }
  out.Set("damage", damage);
  out.Set("recovered", places_to_js(env, from.recovered));
  return out;
}

Napi::Value start_verify(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  VerifyOptions options;
  options.vault = vault(from.Get("vault"));
  options.block_size = block_size(from);
  options.chain = chain(from, "chain", options.block_size);
  options.packs = pack_place(from);
  options.size = count(from, "size");
  options.sample_percent = number(from, "samplePercent");
  options.seed = count(from, "seed");
  options.threads = static_cast<unsigned>(count(from, "threads"));
  options.suspects = bad_places(from, "suspects");
  const auto held = std::make_shared<Held<Verify>>(std::make_shared<Verify>(std::move(options)));
  return run_object(
      info.Env(), "strata verify", held,
      [held]() -> Run::Deliver {
        const auto outcome = std::make_shared<VerifyOutcome>(held->run());
        return [outcome](Napi::Env env) { return verify_result(env, *outcome); };
      },
      [held](Napi::Env env) -> Napi::Value {
        const VerifyProgress now = held->progress();
        auto out = Napi::Object::New(env);
        put(out, "position", now.position);
        put(out, "blocksChecked", now.blocks_checked);
        put(out, "bytesRead", now.bytes_read);
        put(out, "damaged", now.damaged);
        return out;
      });
}

// Size of the chain's newest point.
uint64_t newest_size(const Napi::Object& from, const char* name) {
  const auto list = object(from.Get(name), name).As<Napi::Array>();
  return list.Length() == 0 ? 0 : count(object(list.Get(0u), "a layer"), "size");
}

Napi::Value diff(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const uint32_t block = block_size(from);
  const auto key = vault(from.Get("vault"));
  const auto a = chain(from, "a", block), b = chain(from, "b", block);
  const uint64_t size = std::max(newest_size(from, "a"), newest_size(from, "b"));
  return Run::start(
      info.Env(), "strata diff",
      [=](const Run::Post&) -> Run::Deliver {
        const auto ranges = std::make_shared<std::vector<Range>>(diff_chains(key, a, b, block));
        // The last block may reach beyond the disk.
        if (!ranges->empty()) ranges->back().length = std::min(ranges->back().length, size - ranges->back().offset);
        return [ranges](Napi::Env env) { return pairs(env, *ranges); };
      },
      [] {});
}

Napi::Value statistics(const Info& info) {
  const Napi::Object from = object(info[0], "options");
  const auto key = vault(from.Get("vault"));
  const auto layers = chain(from, "chain", block_size(from));
  const uint64_t blocks = layers.empty() ? 0 : layers.front().blocks;
  return Run::start(
      info.Env(), "strata statistics",
      [=](const Run::Post&) -> Run::Deliver {
        const auto found = std::make_shared<ChainStatistics>(chain_statistics(key, layers));
        return [found, blocks](Napi::Env env) {
          auto out = Napi::Object::New(env);
          put(out, "dataBlocks", found->data_blocks);
          put(out, "zeroBlocks", blocks - found->data_blocks);
          put(out, "storedBytes", found->stored_bytes);
          out.Set("packs", strings(env, hex_all({found->packs.begin(), found->packs.end()})));
          return out;
        };
      },
      [] {});
}

Napi::Value packs_of(const Info& info) {
  const auto key = vault(info[0]);
  const ColumnRef ref = column(object(info[1], "column"));
  return Run::start(
      info.Env(), "strata packs",
      [=](const Run::Post&) -> Run::Deliver {
        FrameCodec codec(key);
        const auto packs = std::make_shared<std::vector<std::string>>(hex_all(Column<Location>(ref, codec).packs()));
        return [packs](Napi::Env env) { return strings(env, *packs); };
      },
      [] {});
}

Napi::Value read_content(const Info& info) {
  constexpr uint64_t kMost = 16 << 20;
  const Napi::Object from = object(info[0], "options");
  const uint32_t block = block_size(from);
  const auto key = vault(from.Get("vault"));
  const auto layers = chain(from, "chain", block);
  const PackPlace packs = pack_place(from);
  const uint64_t offset = count(from, "offset"), length = count(from, "length");
  if (length > kMost) throw Error("NATIVE_ARGUMENT", "at most 16 MiB are read at once");
  return Run::start(
      info.Env(), "strata read",
      [=](const Run::Post&) -> Run::Deliver {
        const auto content = std::make_shared<Bytes>(read_range(key, layers, packs, block, offset, length));
        return [content](Napi::Env env) { return Napi::Buffer<uint8_t>::Copy(env, content->data(), content->size()); };
      },
      [] {});
}

// Tied to the open file: gone when the process is, and not shared by a second opening of the same process.
Napi::Value try_lock(const Info& info) {
  if (flock(info[0].ToNumber().Int32Value(), LOCK_EX | LOCK_NB) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno != EWOULDBLOCK) throw Error("IO", "cannot lock it", errno);
  return Napi::Boolean::New(info.Env(), false);
}

Napi::Value size_of(const Info& info) {
  const int fd = info[0].ToNumber().Int32Value();
  struct stat facts;
  if (fstat(fd, &facts) != 0) throw Error("SOURCE_OPEN", "cannot tell its size", errno);
  uint64_t size = static_cast<uint64_t>(facts.st_size);
  if (S_ISBLK(facts.st_mode) && ioctl(fd, BLKGETSIZE64, &size) != 0) throw Error("SOURCE_OPEN", "cannot tell the device's size", errno);
  return Napi::Number::New(info.Env(), static_cast<double>(size));
}

Napi::Value about(const Info& info) {
  auto out = Napi::Object::New(info.Env());
  out.Set("zstd", ZSTD_versionString());
  out.Set("openssl", OpenSSL_version(OPENSSL_VERSION));
  std::vector<std::string> features;
  if (__builtin_cpu_supports("avx2")) features.push_back("avx2");
  if (__builtin_cpu_supports("aes")) features.push_back("aes");
  if (__builtin_cpu_supports("pclmul")) features.push_back("pclmul");
  out.Set("features", strings(info.Env(), features));
  put(out, "threads", thread_count(0));
  return out;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("createVault", function(env, "createVault", create_vault));
  exports.Set("sealFrame", function(env, "sealFrame", seal_frame));
  exports.Set("openFrame", function(env, "openFrame", open_frame));
  exports.Set("openDedupIndex", function(env, "openDedupIndex", open_dedup_index));
  exports.Set("startBackup", function(env, "startBackup", start_backup));
  exports.Set("startRestore", function(env, "startRestore", start_restore));
  exports.Set("startVerify", function(env, "startVerify", start_verify));
  exports.Set("diff", function(env, "diff", diff));
  exports.Set("statistics", function(env, "statistics", statistics));
  exports.Set("packsOf", function(env, "packsOf", packs_of));
  exports.Set("readContent", function(env, "readContent", read_content));
  exports.Set("tryLock", function(env, "tryLock", try_lock));
  exports.Set("sizeOf", function(env, "sizeOf", size_of));
  add_file_system(env, exports);
  add_files(env, exports);
  add_images(env, exports);
  add_liveness(env, exports);
  add_mounts(env, exports);
  add_nbd(env, exports);
  add_passphrase(env, exports);
  add_source(env, exports);
  add_synthesis(env, exports);
  add_remote(env, exports);
  add_repair(env, exports);
  exports.Set("about", function(env, "about", about));
  return exports;
}

}  // namespace

NODE_API_MODULE(strata, init)

}  // namespace strata::glue
