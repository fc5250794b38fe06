// How long it takes to open a point of a large disk at the end of a long chain: maps are made as if such a disk had been backed up, without
// its content. Usage: open-point FOLDER TEBIBYTES LINKS; prints JSON.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>

#include "../core/column.h"
#include "../core/point_map.h"

using namespace strata;

namespace {
constexpr uint64_t kBlock = 256 << 10;
constexpr uint32_t kFrame = 100'000, kFramesInPack = 320;
// Of each incremental, as a share of the blocks, in runs.
constexpr double kChanged = 0.01;
constexpr uint64_t kRun = 8;

double seconds(std::chrono::steady_clock::time_point since) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count(); }

// A map that names these blocks, with frames one after the other in packs of its own.
ColumnRef make_column(const std::string& path, FrameCodec& codec, const std::vector<uint64_t>& blocks, std::mt19937_64& random) {
  ColumnWriter<Location> writer(path, codec);
  for (uint64_t i = 0; i < blocks.size(); i++)
    writer.data(blocks[i], {static_cast<uint32_t>(i / kFramesInPack), 16 + static_cast<uint32_t>(i % kFramesInPack) * kFrame, kFrame, random()});
  std::vector<PackId> packs((blocks.size() + kFramesInPack - 1) / kFramesInPack);
  for (PackId& id : packs)
    for (uint8_t& byte : id) byte = static_cast<uint8_t>(random());
  return writer.finish(packs);
}
}  // namespace

int main(int count, char** words) {
  if (count != 4) return 2;
  const std::string folder = words[1];
  const uint64_t disk_blocks = static_cast<uint64_t>(atof(words[2]) * (1ull << 40)) / kBlock;
  const int links = atoi(words[3]);
  Digest master{};
  const auto vault = std::make_shared<Vault>(master, true);
  FrameCodec codec(vault);
  std::mt19937_64 random(1);
  std::vector<Layer> chain;
  for (int link = 0; link < links; link++) {
    std::vector<uint64_t> blocks;
    if (link == 0) {
      for (uint64_t block = 0; block < disk_blocks; block++) blocks.push_back(block);
    } else {
      std::set<uint64_t> starts;
      while (starts.size() < static_cast<size_t>(static_cast<double>(disk_blocks) * kChanged) / kRun) starts.insert(random() % (disk_blocks / kRun));
      for (const uint64_t start : starts)
        for (uint64_t i = 0; i < kRun; i++) blocks.push_back(start * kRun + i);
    }
    const ColumnRef column = make_column(folder + "/" + std::to_string(link), codec, blocks, random);
    chain.insert(chain.begin(), {column, {}, disk_blocks});
  }
  PackTable packs;
  const Control control;
  const auto started = std::chrono::steady_clock::now();
  const PointMap map(vault, chain, packs, folder, control);
  BlockEntry first;
  map.read(disk_blocks / 2, {&first, 1});
  printf("{\"blocks\": %llu, \"links\": %d, \"seconds\": %.3f}\n", static_cast<unsigned long long>(map.blocks()), links, seconds(started));
  return first.pack == 0;
}
