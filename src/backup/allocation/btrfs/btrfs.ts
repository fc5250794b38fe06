/**
 * Btrfs on one device: every copy of what its extent tree has in use, and what its log needs.
 *
 * It never writes over what the last commit needs, so a frozen view of it is consistent even while it is mounted: nothing
 * has to be clean. All that the map is made of carries checksums, and its sums must be those of the superblock.
 *
 * The format: https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html
 */
import type { AllocationParser, Extents } from '../allocation.ts';
import { unlessDistrusted } from '../distrust.ts';
import { extentsOf, union } from '../extents.ts';
import type { Volume } from '../volume.ts';
import { type Chunk, ChunkMap, parseChunk, systemChunks } from './chunks.ts';
import { itemType, readExtentTree } from './extent-tree.ts';
import { readLogTrees } from './log-trees.ts';
import { magic, mirrors, readSuperblock, superblockAt, superblockLength } from './superblock.ts';
import { type Forest, leavesOf } from './tree.ts';

/** Never allocated: boot loaders live there. */
const reserved = 1024 * 1024;

export const btrfsAllocation: AllocationParser = async (volume) => {
  if (volume.size < superblockAt + superblockLength) return null;
  if ((await volume.read(superblockAt + 64, 8)).toString('latin1') !== magic) return null;
  return unlessDistrusted('btrfs', () => usedExtents(volume));
};

async function usedExtents(volume: Volume): Promise<Extents> {
  const fs = await readSuperblock(volume);
  const chunks = new ChunkMap(await readChunks({ volume, fs, chunks: new ChunkMap(systemChunks(fs)) }));
  const forest = { volume, fs, chunks };
  const committed = await readExtentTree(forest);
  const logged = fs.logRoot === null ? [] : await readLogTrees(forest, fs.logRoot);
  const besides: [number, number][] = [
    [0, reserved],
    [fs.deviceSize, volume.size - fs.deviceSize],
    ...mirrors
      .filter((at) => at + superblockLength <= volume.size)
      .map((at): [number, number] => [at, superblockLength]),
  ];
  return union(placesOf(committed, chunks), placesOf(logged, chunks), extentsOf(besides));
}

/** Where all copies of logical extents lie. */
function placesOf(logical: Extents, chunks: ChunkMap): Extents {
  return extentsOf(logical.flatMap(([start, length]) => chunks.placesOf(start, length)));
}

async function readChunks(forest: Forest): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const leaf of leavesOf(forest, forest.fs.chunkRoot))
    for (let n = 0; n < leaf.count; n++)
      if (leaf.type(n) === itemType.chunk) chunks.push(parseChunk(leaf.offset(n), leaf.item(n), forest.fs));
  return chunks;
}
