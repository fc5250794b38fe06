/** The groups of an ext file system: where each has its bitmaps and inodes, and how much of it is free. */
import type { Extents } from '../allocation.ts';
import { demand } from '../distrust.ts';
import { bytesIn, extentsOf } from '../extents.ts';
import { Fields } from '../fields.ts';
import { readBlocks, type Volume } from '../volume.ts';
import { crc16 } from './crc16.ts';
import { type ExtLayout, rawCrc32c } from './superblock.ts';

const checksumAt = 0x1e;
const bitmapNeverWritten = 0x2;

export interface Group {
  readonly number: number;
  /** Places in blocks of the volume. */
  readonly first: number;
  readonly blocks: number;
  readonly bitmap: number;
  readonly inodeBitmap: number;
  readonly inodes: number;
  readonly freeClusters: number;
  /** The bitmap was never written: only the file system's own tables are used. */
  readonly untouched: boolean;
  /** Of the bitmap, where checksums are kept; the low half alone where descriptors are short. */
  readonly checksum: { readonly value: number; readonly mask: number };
}

/** All groups, by the descriptors that lie behind the superblock. */
export async function readGroups(volume: Volume, layout: ExtLayout): Promise<readonly Group[]> {
  const perBlock = layout.blockSize / layout.descriptorSize;
  const places = Array.from({ length: Math.ceil(layout.groups / perBlock) }, (_, at) => placeOfDescriptors(layout, at));
  const blocks = await readBlocks(volume, layout.blockSize, places);
  return Array.from({ length: layout.groups }, (_, number) => {
    const block = blocks.get(places[Math.floor(number / perBlock)] as number) as Buffer;
    const at = (number % perBlock) * layout.descriptorSize;
    const bytes = block.subarray(at, at + layout.descriptorSize);
    return groupOf(layout, number, new Fields(bytes, 'little', `descriptor of group ${number}`));
  });
}

/** The blocks of the file system's own tables, as extents in blocks. Two that share a block are a Distrust. */
export function tablesOf(layout: ExtLayout, groups: readonly Group[]): Extents {
  const inodeBlocks = inodeBlocksOf(layout);
  const runs: [number, number][] = [];
  for (const group of groups) {
    runs.push([group.first, headBlocks(layout, group.number)]);
    runs.push([group.bitmap, 1], [group.inodeBitmap, 1], [group.inodes, inodeBlocks]);
  }
  const tables = extentsOf(runs);
  const blocks = runs.reduce((sum, [, length]) => sum + length, 0);
  demand(bytesIn(tables) === blocks, 'descriptors of groups: tables share a block');
  return tables;
}

/** Block of the n-th block of descriptors. */
function placeOfDescriptors(layout: ExtLayout, number: number): number {
  const { blockSize, blocksPerGroup, firstBlock, superblock } = layout;
  if (number < layout.firstMetaBlock) return superblock + 1 + number;
  const group = number * (blockSize / layout.descriptorSize);
  return firstBlock + group * blocksPerGroup + superblockBlocks(layout, group);
}

/** Blocks from the beginning of a group that copies of the superblock and descriptors take, or may take. */
function headBlocks(layout: ExtLayout, group: number): number {
  const perBlock = layout.blockSize / layout.descriptorSize;
  const own = superblockBlocks(layout, group);
  if (group < layout.firstMetaBlock * perBlock) {
    const descriptors = Math.min(Math.ceil(layout.groups / perBlock), layout.firstMetaBlock);
    return own === 0 ? 0 : own + descriptors + layout.reservedBlocks;
  }
  const within = group % perBlock;
  return own + (within <= 1 || within === perBlock - 1 ? 1 : 0);
}

/** Blocks for a copy of the superblock: in the first group with what lies before it. */
function superblockBlocks({ superblock, firstBlock, hasSuperblock }: ExtLayout, group: number): number {
  if (group === 0) return superblock - firstBlock + 1;
  return hasSuperblock(group) ? 1 : 0;
}

function groupOf(layout: ExtLayout, number: number, fields: Fields): Group {
  const { checksums, blocks, blocksPerGroup, firstBlock } = layout;
  checkDescriptor(layout, number, fields);
  const wide = fields.length >= 64;
  const place = (low: number, high: number) => fields.u32(low) + (wide ? fields.u32(high) * 2 ** 32 : 0);
  const half = (low: number, high: number) => fields.u16(low) + (wide ? fields.u16(high) * 2 ** 16 : 0);
  const first = firstBlock + number * blocksPerGroup;
  const group: Group = {
    number,
    first,
    blocks: Math.min(blocksPerGroup, blocks - first),
    bitmap: place(0x0, 0x20),
    inodeBitmap: place(0x4, 0x24),
    inodes: place(0x8, 0x28),
    freeClusters: half(0xc, 0x2c),
    untouched: checksums.kind !== 'none' && (fields.u16(0x12) & bitmapNeverWritten) !== 0,
    checksum: { value: half(0x18, 0x38), mask: wide ? 0xffffffff : 0xffff },
  };
  const start = layout.flexibleGroups ? firstBlock : first;
  const end = layout.flexibleGroups ? blocks : first + group.blocks;
  const lies = (at: number, length: number) => at >= start && at + length <= end;
  const inPlace = lies(group.bitmap, 1) && lies(group.inodeBitmap, 1) && lies(group.inodes, inodeBlocksOf(layout));
  demand(inPlace, `${fields.what}: a table lies where none can be`);
  return group;
}

/** The checksum covers the descriptor with itself left out, or as zeros. */
function checkDescriptor({ checksums, uuid }: ExtLayout, number: number, fields: Fields): void {
  if (checksums.kind === 'none') return;
  const name = Buffer.alloc(4);
  name.writeUInt32LE(number);
  const [before, after] = [fields.slice(0, checksumAt), fields.slice(checksumAt + 2, fields.length - checksumAt - 2)];
  const found =
    checksums.kind === 'crc16'
      ? crc16(Buffer.concat([uuid, name, before, after]))
      : rawCrc32c(checksums.seed, Buffer.concat([name, before, Buffer.alloc(2), after])) & 0xffff;
  demand(found === fields.u16(checksumAt), `${fields.what}: its checksum is wrong`);
}

function inodeBlocksOf({ inodesPerGroup, inodeSize, blockSize }: ExtLayout): number {
  return Math.ceil((inodesPerGroup * inodeSize) / blockSize);
}
