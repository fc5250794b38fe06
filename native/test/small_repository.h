// A repository as far as native knows one: a folder of packs, and maps by their references. It backs up, restores and verifies
// disks that stand in memory beside it, so that everything can be compared bit by bit.
#pragma once
#include <gtest/gtest.h>

#include "backup.h"
#include "naive_root.h"
#include "restore.h"
#include "sample_vault.h"
#include "temp_folder.h"
#include "verify.h"

namespace strata::test {

struct SmallRepository {
  explicit SmallRepository(uint32_t block = 4096, bool sealed = true) : vault(sample_vault(sealed)), block_size(block) {
    std::filesystem::create_directory(packs());
    std::filesystem::create_directory(folder / "spool");
  }

  std::string packs() const { return folder / "packs"; }
  uint64_t blocks(uint64_t size) const { return (size + block_size - 1) / block_size; }

  // Writes the disk as a sparse file: runs of zeros are holes.
  std::string put_image(const Bytes& disk, const std::string& name = "image") const {
    const std::string path = folder / name;
    std::filesystem::remove(path);
    const Fd fd = open_file(path, O_WRONLY | O_CREAT, "IO");
    constexpr size_t kStep = 4096;
    for (size_t at = 0; at < disk.size(); at += kStep) {
      const View part = View(disk).subspan(at, std::min(kStep, disk.size() - at));
      if (std::any_of(part.begin(), part.end(), [](uint8_t byte) { return byte != 0; })) write_at(fd.get(), part, at, "IO", path);
    }
    std::filesystem::resize_file(path, disk.size());
    return path;
  }

  // An index over the packs that are there now.
  std::shared_ptr<DedupIndex> index(const std::vector<BadPlace>& bad = {}) const {
    std::vector<PackFile> files;
    for (const auto& it : std::filesystem::recursive_directory_iterator(packs())) {
      if (!it.is_regular_file()) continue;
      PackFile pack{{}, it.path(), it.file_size()};
      unhex(it.path().filename(), pack.id);
      files.push_back(pack);
    }
    return std::make_shared<DedupIndex>(vault, files, folder / "cache", 1 << 20, bad);
  }

  BackupOptions options(const std::string& source, uint64_t size) {
    BackupOptions out;
    out.vault = vault;
    out.source = source;
    out.size = size;
    out.block_size = block_size;
    out.parent = chain;
    out.dedup = index();
    out.spool = folder / "spool";
    runs++;
    memcpy(out.run_id.data(), &runs, sizeof runs);
    out.pack_size = 1 << 20;
    out.threads = 3;
    return out;
  }

  // Where a finished pack goes.
  void store(const FinishedPack& pack) const {
    const std::string name = hex(pack.id), sub = packs() + "/" + name.substr(30);
    std::filesystem::create_directory(sub);
    std::filesystem::rename(pack.path, sub + "/" + name);
  }

  // Runs it with a store that takes every pack at once.
  BackupOutcome run(BackupOptions options) const {
    Backup* running = nullptr;
    Backup backup(std::move(options), [&](const FinishedPack& pack) {
      store(pack);
      running->pack_stored();
    });
    running = &backup;
    return backup.run();
  }

  // Adds the point to the chain.
  void commit(const BackupOutcome& outcome) { chain.insert(chain.begin(), Layer{outcome.location, outcome.digest, blocks(outcome.size)}); }

  // Backs up the disk on top of the chain; `change` may alter the options. Root and sizes must be the disk's.
  BackupOutcome backup(const Bytes& disk, const std::function<void(BackupOptions&)>& change = {}) {
    BackupOptions wanted = options(put_image(disk), disk.size());
    if (change) change(wanted);
    BackupOutcome outcome = run(std::move(wanted));
    EXPECT_FALSE(outcome.cancelled);
    EXPECT_EQ(outcome.size, disk.size());
    EXPECT_EQ(outcome.root, root_of(disk));
    EXPECT_EQ(outcome.location.data_blocks, outcome.digest.data_blocks);
    EXPECT_EQ(outcome.location.zero_blocks, outcome.digest.zero_blocks);
    commit(outcome);
    return outcome;
  }

  Digest root_of(const Bytes& disk) const {
    FrameCodec codec(vault);
    Leaves leaves;
    Bytes block(block_size);
    for (uint64_t i = 0; i < blocks(disk.size()); i++) {
      std::fill(block.begin(), block.end(), 0);
      const View part = View(disk).subspan(i * block_size, std::min<size_t>(block_size, disk.size() - i * block_size));
      std::copy(part.begin(), part.end(), block.begin());
      if (std::any_of(block.begin(), block.end(), [](uint8_t byte) { return byte != 0; })) leaves[i] = codec.digest(FrameType::block, block);
    }
    return naive_root(leaves, disk.size(), block_size);
  }

  RestoreOptions restore_options(int fd, uint64_t size) const { return {vault, chain, packs(), fd, size, block_size, RestoreMode::fresh, true, 3, 0, size}; }

  // The newest point, restored.
  Bytes restored(uint64_t size) const {
    const std::string path = folder / "restored";
    std::filesystem::remove(path);
    const Fd fd = open_file(path, O_RDWR | O_CREAT, "IO");
    std::filesystem::resize_file(path, size);
    EXPECT_TRUE(Restore(restore_options(fd.get(), size)).run());
    Bytes out(size);
    read_exact(fd.get(), out, 0, "IO", path);
    return out;
  }

  VerifyOutcome verify(uint64_t size, double percent = 100, uint64_t seed = 0) const {
    return Verify({vault, chain, packs(), size, block_size, percent, seed, 3}).run();
  }

  TempFolder folder;
  std::shared_ptr<const Vault> vault;
  uint32_t block_size;
  std::vector<Layer> chain;
  uint32_t runs = 0;
};

}  // namespace strata::test
