#include "read_range.h"

namespace strata {

Bytes read_range(const std::shared_ptr<const Vault>& vault, const std::vector<Layer>& chain, const PackPlace& packs, uint32_t block_size, uint64_t offset,
                 uint64_t length) {
  Bytes out(length);
  if (length == 0) return out;
  PackFolder folder(packs);
  BlockReader reader(vault, folder, block_size);
  const uint64_t first = offset / block_size, end = (offset + length - 1) / block_size + 1;
  FrameCodec codec(vault);
  ChainWindow<Location> window(chain, codec, first);
  std::vector<BlockPlace> places;
  window.take(first, end - first, [&](uint64_t block, const Location& it, size_t layer) { places.push_back(place_of(block, it, window.column(layer))); });
  for (const BlockPlace& it : places) {
    reader.fetch({&it, 1});
    const View raw = reader.open(it, Check::fast);
    const uint64_t from = std::max(it.block * block_size, offset), until = std::min((it.block + 1) * block_size, offset + length);
    memcpy(out.data() + (from - offset), raw.data() + (from - it.block * block_size), until - from);
  }
  return out;
}

}  // namespace strata
