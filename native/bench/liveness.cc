// How much memory and time the marking of a large repository takes: maps are made as if many disks had been backed up, without their content.
// Every tenth block of a disk lies anywhere in the packs of the disks before it, as deduplication leaves them.
// Usage: liveness FOLDER MILLION_BLOCKS THREADS; prints JSON.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <unordered_map>

#include "../core/freed.h"
#include "../core/liveness.h"

using namespace strata;

namespace {
// Content that does not compress fills the most packs.
constexpr uint32_t kPackSize = 32 << 20, kFrame = (256 << 10) + 80, kFramesInPack = kPackSize / kFrame + 1;
constexpr uint64_t kDisk = 4'000'000;  // blocks: 1 TiB each
constexpr uint64_t kSharedEvery = 10;

PackId pack_id(uint64_t number) {
  // As real ones are: of runs of 1000 packs.
  PackId out{};
  std::mt19937_64 run(number / 1000);
  const uint64_t random = run();
  const uint32_t sequence = __builtin_bswap32(static_cast<uint32_t>(number % 1000));
  memcpy(out.data(), &random, sizeof random);
  memcpy(out.data() + 12, &sequence, sizeof sequence);
  return out;
}

Layer make_map(const std::string& path, FrameCodec& codec, uint64_t disk, uint64_t blocks, uint64_t& frames, std::mt19937_64& random) {
  ColumnWriter<Location> writer(path, codec);
  std::vector<PackId> packs;
  std::unordered_map<uint64_t, uint32_t> numbers;
  for (uint64_t block = 0; block < blocks; block++) {
    const uint64_t frame = disk > 0 && block % kSharedEvery == 0 ? random() % frames : frames++;
    const auto [number, added] = numbers.try_emplace(frame / kFramesInPack, static_cast<uint32_t>(packs.size()));
    if (added) packs.push_back(pack_id(frame / kFramesInPack));
    writer.data(block, {number->second, 16 + static_cast<uint32_t>(frame % kFramesInPack) * kFrame, kFrame, random()});
  }
  return {writer.finish(packs), {}, blocks};
}

// Of this process, in MiB: VmRSS now, VmHWM at most since the last reset.
double memory(const std::string& field) {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;)
    if (word == field + ":") {
      double kib;
      file >> kib;
      return kib / 1024;
    }
  return 0;
}

double seconds(std::chrono::steady_clock::time_point since) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count(); }
}  // namespace

int main(int count, char** words) {
  if (count != 4) return 2;
  const std::string folder = words[1];
  const auto blocks = static_cast<uint64_t>(atof(words[2]) * 1e6);
  const auto threads = static_cast<unsigned>(atoi(words[3]));
  const auto vault = std::make_shared<Vault>(Digest{}, true);
  FrameCodec codec(vault);
  std::mt19937_64 random(1);
  std::vector<Layer> maps;
  uint64_t frames = 0;
  for (uint64_t at = 0; at < blocks; at += kDisk)
    maps.push_back(make_map(folder + "/" + std::to_string(maps.size()), codec, maps.size(), std::min(kDisk, blocks - at), frames, random));

  std::ofstream("/proc/self/clear_refs") << 5;  // the peak begins here
  const double before = memory("VmRSS");
  auto started = std::chrono::steady_clock::now();
  Liveness liveness(vault, kPackSize);
  Control control;
  std::atomic<size_t> next{0};
  std::atomic<uint64_t> marked{0};
  control.parallel(
      threads,
      [&] {
        for (size_t i = next++; i < maps.size(); i = next++) marked += liveness.mark({maps[i]}, control);
      },
      [] {});
  const double mark_seconds = seconds(started), mark_peak = memory("VmHWM") - before;
  started = std::chrono::steady_clock::now();
  const std::vector<PackId> packs = liveness.packs();
  uint64_t live = 0;
  for (const PackId& id : packs) live += liveness.bytes(id, 16 + uint64_t{kFramesInPack} * kFrame + 8192);
  const double ask_seconds = seconds(started);

  // What the last disk alone would free.
  std::ofstream("/proc/self/clear_refs") << 5;
  const double between = memory("VmRSS");
  started = std::chrono::steady_clock::now();
  std::vector<std::vector<Layer>> kept;
  for (size_t i = 0; i + 1 < maps.size(); i++) kept.push_back({maps[i]});
  const uint64_t freed = freed_bytes(vault, kept, {{maps.back()}}, control)[0];
  printf(
      "{\"blocks\": %llu, \"packs\": %zu, \"markSeconds\": %.2f, \"markPeakMiB\": %.0f, \"askSeconds\": %.3f, \"liveTiB\": %.3f, \"freedSeconds\": %.2f, "
      "\"freedPeakMiB\": %.0f, \"freedTiB\": %.3f}\n",
      static_cast<unsigned long long>(marked.load()), packs.size(), mark_seconds, mark_peak, ask_seconds, static_cast<double>(live) / (1ull << 40), seconds(started),
      memory("VmHWM") - between, static_cast<double>(freed) / (1ull << 40));
  return marked != blocks;
}
