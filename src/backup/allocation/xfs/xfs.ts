/**
 * XFS, version 4 and 5: all that its allocation groups do not have as free. Free space is believed when nothing in the
 * log could change it, every block of its trees is where and what it says, and all counters agree.
 *
 * "XFS Algorithms & Data Structures" (kernel.org) describes the format.
 */
import type { AllocationParser, Extents } from '../allocation.ts';
import { demand, unlessDistrusted } from '../distrust.ts';
import { complement, ExtentList } from '../extents.ts';
import type { Volume } from '../volume.ts';
import { type Group, readFreeSpace, readGroups } from './free-space.ts';
import { readLogState } from './log.ts';
import { magic, readSuperblock, type Superblock } from './superblock.ts';

const smallest = 512;

export const xfs: AllocationParser = async (volume) => {
  if (volume.size < smallest || (await volume.read(0, 4)).toString('latin1') !== magic) return null;
  return unlessDistrusted('xfs', () => usedExtents(volume));
};

async function usedExtents(volume: Volume): Promise<Extents> {
  const fs = await readSuperblock(volume);
  const log = await readLogState(volume, fs);
  const groups = await readGroups(volume, fs);
  if (log === 'clean') requireCounted(fs, groups);
  const free = new ExtentList();
  for (const group of groups) {
    const start = group.number * fs.groupBlocks;
    for (const [first, count] of await readFreeSpace(volume, fs, group))
      free.add((start + first) * fs.blockSize, count * fs.blockSize);
  }
  return complement(free.extents, volume.size);
}

/** The superblock counts also what is kept for trees; while it is mounted the count stands in memory. */
function requireCounted(fs: Superblock, groups: readonly Group[]): void {
  const counted = groups.reduce((sum, { freeBlocks, listed, inTrees }) => sum + freeBlocks + listed + inTrees, 0);
  demand(counted === fs.freeBlocks, 'its free blocks are not as many as its superblock counts');
}
