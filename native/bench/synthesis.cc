// How long it takes to merge a long chain of a large disk into one full map: maps are made as if such a disk had been backed up, without its
// content; each incremental changes 1 % of the blocks, at random. Usage: synthesis FOLDER TEBIBYTES LINKS; prints JSON, the memory is the peak
// of the synthesis alone.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <random>
#include <set>

#include "../core/synthesis.h"

using namespace strata;

namespace {
constexpr uint64_t kBlock = 256 << 10;
constexpr uint32_t kFrame = 100'000, kFramesInPack = 320;
constexpr uint64_t kChangedOf = 100;  // one block of so many

// Both columns of a map that names these blocks, with frames one after the other in packs of its own.
Layer make_layer(const std::string& path, FrameCodec& codec, const std::vector<uint64_t>& blocks, uint64_t disk_blocks, std::mt19937_64& random) {
  ColumnWriter<Location> places(path + ".loc", codec);
  ColumnWriter<BlockDigest> digests(path + ".dig", codec);
  for (uint64_t i = 0; i < blocks.size(); i++) {
    BlockDigest it;
    uint64_t words[6];
    for (uint64_t& word : words) word = random();
    memcpy(it.digest.data(), words, it.digest.size());
    memcpy(it.quick.data(), words + 4, it.quick.size());
    places.data(blocks[i], {static_cast<uint32_t>(i / kFramesInPack), 16 + static_cast<uint32_t>(i % kFramesInPack) * kFrame, kFrame, check_of(it.digest)});
    digests.data(blocks[i], it);
  }
  std::vector<PackId> packs((blocks.size() + kFramesInPack - 1) / kFramesInPack);
  for (PackId& id : packs)
    for (uint8_t& byte : id) byte = static_cast<uint8_t>(random());
  return {places.finish(packs), digests.finish({}), disk_blocks};
}

uint64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return strtoull(line.c_str() + 6, nullptr, 10) / 1024;
  return 0;
}
}  // namespace

int main(int count, char** words) {
  if (count != 4) return 2;
  const std::string folder = words[1];
  const uint64_t disk_blocks = static_cast<uint64_t>(atof(words[2]) * (1ull << 40)) / kBlock;
  const int links = atoi(words[3]);
  Digest master{};
  SynthesisOptions options;
  options.vault = std::make_shared<Vault>(master, true);
  options.size = disk_blocks * kBlock;
  options.block_size = kBlock;
  options.packs = options.spool = folder;
  options.pack_size = 32 << 20;
  {
    FrameCodec codec(options.vault);
    std::mt19937_64 random(1);
    for (int link = 0; link < links; link++) {
      std::vector<uint64_t> blocks;
      if (link == 0) {
        for (uint64_t block = 0; block < disk_blocks; block++) blocks.push_back(block);
      } else {
        std::set<uint64_t> changed;
        while (changed.size() < disk_blocks / kChangedOf) changed.insert(random() % disk_blocks);
        blocks.assign(changed.begin(), changed.end());
      }
      options.chain.insert(options.chain.begin(), make_layer(folder + "/" + std::to_string(link), codec, blocks, disk_blocks, random));
    }
  }
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak counts from here
  const auto started = std::chrono::steady_clock::now();
  const clock_t worked = clock();
  const SynthesisOutcome outcome = Synthesis(std::move(options), [](const FinishedPack&) {}).run();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  const double processor = static_cast<double>(clock() - worked) / CLOCKS_PER_SEC;
  printf("{\"blocks\": %llu, \"links\": %d, \"seconds\": %.3f, \"processorSeconds\": %.3f, \"peakMiB\": %llu}\n",
         static_cast<unsigned long long>(outcome.location.data_blocks), links, seconds, processor, static_cast<unsigned long long>(peak_memory()));
  return outcome.location.data_blocks != disk_blocks;
}
