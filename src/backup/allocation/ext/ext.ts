/**
 * The allocation of ext2, ext3 and ext4: the bitmaps of all groups, each checked by its checksum where there is one, by
 * the number of free blocks that its group tells, and by the tables that must be used. A group whose bitmap was never
 * written has only such tables. The number of all free blocks must be the superblock's.
 */
import type { AllocationParser, Extents } from '../allocation.ts';
import { addSetBits } from '../bitmap.ts';
import { demand, unlessDistrusted } from '../distrust.ts';
import { bytesIn, clip, covers, ExtentList, roundOut, scale, shift, union } from '../extents.ts';
import { readBlocks, type Volume } from '../volume.ts';
import { type Group, readGroups, tablesOf } from './groups.ts';
import { checkJournal } from './journal.ts';
import { type ExtLayout, extName, findSuperblock, layoutOf, rawCrc32c } from './superblock.ts';

/** Groups whose bitmaps are in memory at once: 8 MiB with blocks of 4 KiB. */
const groupsAtOnce = 2048;

export const extAllocation: AllocationParser = async (volume) => {
  const fields = await findSuperblock(volume);
  if (fields === null) return null;
  return unlessDistrusted(extName(fields), async () => {
    const layout = layoutOf(fields, volume.size);
    const groups = await readGroups(volume, layout);
    if (layout.journal !== 0) await checkJournal(volume, layout, groups);
    const used = await usedBlocks(volume, layout, groups);
    const { blocks, blockSize, firstBlock } = layout;
    const end = blocks * blockSize;
    const outside: Extents = [
      [0, firstBlock * blockSize],
      [end, volume.size - end],
    ];
    return union(clip(scale(used, blockSize), 0, end), clip(outside, 0, volume.size));
  });
};

/** In blocks; the last cluster may reach past the end. */
async function usedBlocks(volume: Volume, layout: ExtLayout, groups: readonly Group[]): Promise<Extents> {
  const tables = tablesOf(layout, groups);
  const used = new ExtentList();
  let freeClusters = 0;
  for (let at = 0; at < groups.length; at += groupsAtOnce) {
    const some = groups.slice(at, at + groupsAtOnce);
    const written = some.filter(({ untouched }) => !untouched).map(({ bitmap }) => bitmap);
    const bitmaps = await readBlocks(volume, layout.blockSize, written);
    for (const group of some) {
      const bitmap = bitmaps.get(group.bitmap);
      const count = Math.ceil(group.blocks / layout.blocksPerCluster);
      const set = bitmap === undefined ? addTables(layout, group, tables, used) : addBits(layout, group, bitmap, used);
      demand(
        count - set === group.freeClusters,
        `group ${group.number}: its bitmap has not as many free blocks as it tells`,
      );
      freeClusters += count - set;
    }
  }
  demand(covers(used.extents, tables), 'a bitmap tells that one of its own tables is free');
  const free = freeClusters * layout.blocksPerCluster;
  demand(free === layout.freeBlocks, `its groups have ${free} free blocks, its superblock tells ${layout.freeBlocks}`);
  return used.extents;
}

/** Returns the used clusters, as `addBits` does. */
function addTables(layout: ExtLayout, group: Group, tables: Extents, into: ExtentList): number {
  const { blocksPerCluster } = layout;
  const own = shift(clip(tables, group.first, group.blocks), -group.first);
  const clusters = roundOut(own, blocksPerCluster, Math.ceil(group.blocks / blocksPerCluster) * blocksPerCluster);
  for (const [offset, length] of clusters) into.add(group.first + offset, length);
  return bytesIn(clusters) / blocksPerCluster;
}

function addBits(layout: ExtLayout, group: Group, bytes: Buffer, into: ExtentList): number {
  const { blocksPerCluster: unit, blocksPerGroup, checksums } = layout;
  if (checksums.kind === 'crc32c') {
    const { value, mask } = group.checksum;
    const found = rawCrc32c(checksums.seed, bytes.subarray(0, blocksPerGroup / unit / 8));
    demand((found & mask) >>> 0 === value, `group ${group.number}: the checksum of its bitmap is wrong`);
  }
  return addSetBits({ bytes, count: Math.ceil(group.blocks / unit), unit, offset: group.first }, into);
}
