/**
 * XFS, version 4 and 5: all that its allocation groups do not have as free. Free space is believed when the log is clean,
 * every block of its trees is where and what it says, and all of its counters agree.
 *
 * "XFS Algorithms & Data Structures" (kernel.org) describes the format.
 */
import type { AllocationParser, Extents } from '../allocation.ts';
import { demand, unlessDistrusted } from '../distrust.ts';
import { complement, ExtentList } from '../extents.ts';
import type { Volume } from '../volume.ts';
import { readFreeSpace, readGroups } from './free-space.ts';
import { requireCleanLog } from './log.ts';
import { magic, readSuperblock } from './superblock.ts';

const smallest = 512;

export const xfs: AllocationParser = async (volume) => {
  if (volume.size < smallest || (await volume.read(0, 4)).toString('latin1') !== magic) return null;
  return unlessDistrusted('xfs', () => usedExtents(volume));
};

async function usedExtents(volume: Volume): Promise<Extents> {
  const fs = await readSuperblock(volume);
  await requireCleanLog(volume, fs);
  const groups = await readGroups(volume, fs);
  const counted = groups.reduce((sum, { freeBlocks, listed, inTrees }) => sum + freeBlocks + listed + inTrees, 0);
  demand(counted === fs.freeBlocks, 'its free blocks are not as many as its superblock counts');
  const free = new ExtentList();
  for (const group of groups) {
    const start = group.number * fs.groupBlocks;
    for (const [first, count] of await readFreeSpace(volume, fs, group))
      free.add((start + first) * fs.blockSize, count * fs.blockSize);
  }
  return complement(free.extents, volume.size);
}
