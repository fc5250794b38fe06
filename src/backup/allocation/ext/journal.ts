/**
 * The journal of ext3 and ext4: what is in it and not yet in its place would make the maps old. The superblock tells
 * that it is to be replayed; this asks the journal itself (struct journal_superblock_s of Linux's jbd2).
 */
import { demand } from '../distrust.ts';
import { Fields } from '../fields.ts';
import type { Volume } from '../volume.ts';
import type { Group } from './groups.ts';
import type { ExtLayout } from './superblock.ts';

const magic = 0xc03b3998;
const superblockTypes = [3, 4];
const usesExtents = 0x80000;
const extentMagic = 0xf30a;
const deepest = 5;

/** A Distrust unless the journal is there and empty. */
export async function checkJournal(volume: Volume, layout: ExtLayout, groups: readonly Group[]): Promise<void> {
  const at = await firstBlock(volume, layout, groups);
  const bytes = await volume.read(at * layout.blockSize, 1024);
  const fields = new Fields(bytes, 'big', 'journal');
  demand(fields.u32(0) === magic && superblockTypes.includes(fields.u32(4)), 'its journal is not found');
  demand(fields.u32(0x1c) === 0, 'it was not left clean: its journal is not empty');
  demand(fields.u32(0x20) === 0, 'its journal was given up after an error');
}

/** Where the journal's file begins: its first block by its inode. */
async function firstBlock(volume: Volume, layout: ExtLayout, groups: readonly Group[]): Promise<number> {
  const { journal, inodesPerGroup, inodeSize, blockSize } = layout;
  const group = groups[Math.floor((journal - 1) / inodesPerGroup)];
  demand(group !== undefined, 'superblock: the inode of the journal is not possible');
  const at = group.inodes * blockSize + ((journal - 1) % inodesPerGroup) * inodeSize;
  const inode = new Fields(await volume.read(at, 128), 'little', 'inode of the journal');
  const blockMap = inode.part(0x28, 60, inode.what);
  if ((inode.u32(0x20) & usesExtents) === 0) return blockMap.u32(0);
  return firstOfTree(volume, layout, blockMap, deepest);
}

/** The first block that a tree of extents names. */
async function firstOfTree(volume: Volume, layout: ExtLayout, node: Fields, deep: number): Promise<number> {
  const depth = node.u16(6);
  const fits = node.u16(0) === extentMagic && node.u16(2) > 0 && depth <= deep && node.u32(12) === 0;
  demand(fits, 'inode of the journal: its extents are damaged');
  // Entries of both kinds are 12 bytes: of an extent the place has its high half first, of an index behind.
  if (depth === 0) return node.u32(20) + node.u16(18) * 2 ** 32;
  const child = node.u32(16) + node.u16(20) * 2 ** 32;
  const bytes = await volume.read(child * layout.blockSize, layout.blockSize);
  return firstOfTree(volume, layout, new Fields(bytes, 'little', 'extents of the journal'), depth - 1);
}
