/**
 * XFS, version 4 and 5: all that its allocation groups do not have as free. Free space is believed when nothing in the
 * log could change it, every block of its trees is where and what it says, and all counters agree.
 *
 * "XFS Algorithms & Data Structures" (kernel.org) describes the format.
 */
import type { AllocationParser, Extents } from '../allocation.ts';
import { demand, unlessDistrusted } from '../distrust.ts';
import { covers, extentsOf } from '../extents.ts';
import { UsedList } from '../used-list.ts';
import type { Volume } from '../volume.ts';
import { type Group, readFreeSpace, readGroups } from './free-space.ts';
import { readLogState } from './log.ts';
import { magic, readSuperblock, type Superblock } from './superblock.ts';

const smallest = 512;

export const xfsAllocation: AllocationParser = async (volume) => {
  if (volume.size < smallest || (await volume.read(0, 4)).toString('latin1') !== magic) return null;
  return unlessDistrusted('xfs', () => usedExtents(volume));
};

async function usedExtents(volume: Volume): Promise<Extents> {
  const fs = await readSuperblock(volume);
  const log = await readLogState(volume, fs);
  const groups = await readGroups(volume, fs);
  if (log === 'clean') requireCounted(fs, groups);
  const used = new UsedList();
  let end = 0;
  for (const group of groups) {
    const start = group.number * fs.groupBlocks;
    for (const [first, count] of await readFreeSpace(volume, fs, group)) {
      const free = (start + first) * fs.blockSize;
      used.add(end, free - end);
      end = free + count * fs.blockSize;
    }
  }
  used.add(end, volume.size - end);
  demand(covers(used.extents, ownExtents(fs)), 'it has parts of its log or of its headers as free');
  return used.extents;
}

/** The log, and the headers of allocation groups, four sectors each. */
function ownExtents(fs: Superblock): Extents {
  const headers = Array.from(
    { length: fs.groups },
    (_, n) => [n * fs.groupBlocks * fs.blockSize, 4 * fs.sectorSize] as const,
  );
  return extentsOf([...headers, [fs.logStart, fs.logLength]]);
}

/** The superblock counts also what is kept for trees; while it is mounted the count stands in memory. */
function requireCounted(fs: Superblock, groups: readonly Group[]): void {
  const counted = groups.reduce((sum, { freeBlocks, listed, inTrees }) => sum + freeBlocks + listed + inTrees, 0);
  demand(counted === fs.freeBlocks, 'its free blocks are not as many as its superblock counts');
}
