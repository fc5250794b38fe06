/**
 * Free space of an allocation group of XFS: the B-tree of free extents by their place. All else is in use: files, inodes,
 * the trees themselves, and the list of free blocks that is kept for them.
 */
import { crc32c } from '../../../repository/crc32c.ts';
import { demand } from '../distrust.ts';
import { Fields } from '../fields.ts';
import { piecesAt } from '../pieces.ts';
import type { Volume } from '../volume.ts';
import type { Superblock } from './superblock.ts';

export interface Group {
  readonly number: number;
  /** Blocks. */
  readonly length: number;
  readonly root: number;
  readonly levels: number;
  readonly freeBlocks: number;
  readonly longest: number;
  /** Free too, but kept for trees, and those in the trees of free space. */
  readonly listed: number;
  readonly inTrees: number;
}

/** First block in the group, and how many. */
export type FreeExtent = readonly [number, number];

const headerMagic = 'XAGF';
const treeMagic = { checked: 'AB3B', plain: 'ABTB' };
const headerLength = { checked: 56, plain: 16 };
const recordLength = 8;
const pointerLength = 4;
const none = 0xffffffff;
const mostLevels = 9;

/** The headers of the free space of all groups. */
export async function readGroups(volume: Volume, fs: Superblock): Promise<Group[]> {
  const places = Array.from({ length: fs.groups }, (_, n) => n * fs.groupBlocks * fs.blockSize + fs.sectorSize);
  const groups: Group[] = [];
  for await (const sector of piecesAt(volume, places, fs.sectorSize))
    groups.push(parseGroup(sector, groups.length, fs));
  return groups;
}

function parseGroup(sector: Buffer, number: number, fs: Superblock): Group {
  const what = `the free space header of allocation group ${number}`;
  const header = new Fields(sector, 'big', what);
  demand(header.text(0, 4) === headerMagic && header.u32(4) === 1, `${what} is not one`);
  if (fs.checked) requireChecksum(sector, 216, what);
  if (fs.checked) demand(header.slice(64, 16).equals(fs.structureUuid), `${what} is another file system's`);
  const length = Math.min(fs.groupBlocks, fs.blocks - number * fs.groupBlocks);
  const levels = header.u32(28);
  demand(header.u32(8) === number && header.u32(12) === length, `${what} is another one's`);
  demand(levels >= 1 && levels <= mostLevels, `${what} has ${levels} levels`);
  return {
    number,
    length,
    root: header.u32(16),
    levels,
    freeBlocks: header.u32(52),
    longest: header.u32(56),
    listed: header.u32(48),
    inTrees: header.u32(60),
  };
}

/** The free extents of a group in ascending order; they do not touch. */
export async function readFreeSpace(volume: Volume, fs: Superblock, group: Group): Promise<FreeExtent[]> {
  let nodes: Node[] = [{ block: group.root, start: null }];
  for (let level = group.levels - 1; level > 0; level--)
    nodes = await readLevel(volume, fs, group, nodes, level, children);
  const free = await readLevel(volume, fs, group, nodes, 0, records);
  requireFree(free, group);
  return free;
}

/** A block of the tree, and the first record that its parent says it has; null for the root. */
interface Node {
  readonly block: number;
  readonly start: number | null;
}

/** All that the blocks of one level hold, in order. */
async function readLevel<Item>(
  volume: Volume,
  fs: Superblock,
  group: Group,
  nodes: readonly Node[],
  level: number,
  itemsOf: (block: TreeBlock) => Item[],
): Promise<Item[]> {
  const what = `the free space tree of allocation group ${group.number}`;
  demand(new Set(nodes.map(({ block }) => block)).size === nodes.length, `${what} has a block twice`);
  demand(
    nodes.every(({ block }) => block < group.length),
    `${what} leaves the group`,
  );
  const start = group.number * fs.groupBlocks;
  const places = nodes.map(({ block }) => (start + block) * fs.blockSize);
  const items: Item[] = [];
  let n = 0;
  for await (const bytes of piecesAt(volume, places, fs.blockSize)) {
    const block = parseBlock(bytes, fs, what);
    const node = nodes[n] as Node;
    if (fs.checked) requireOwn(block, { fs, place: places[n] as number, group: group.number });
    demand(block.fields.u16(4) === level, `${what}: a block is of another level`);
    demand(block.fields.u32(8) === (nodes[n - 1]?.block ?? none), `${what}: a block has another one before it`);
    demand(block.fields.u32(12) === (nodes[n + 1]?.block ?? none), `${what}: a block has another one after it`);
    demand(block.records > 0 || (nodes.length === 1 && level === 0), `${what}: a block is empty`);
    demand(node.start === null || block.fields.u32(block.start) === node.start, `${what}: a block begins elsewhere`);
    for (const item of itemsOf(block)) items.push(item);
    n++;
  }
  return items;
}

interface TreeBlock {
  readonly fields: Fields;
  readonly records: number;
  /** Where records, or keys, begin. */
  readonly start: number;
}

function parseBlock(bytes: Buffer, { checked }: Superblock, what: string): TreeBlock {
  const fields = new Fields(bytes, 'big', what);
  const kind = checked ? 'checked' : 'plain';
  demand(fields.text(0, 4) === treeMagic[kind], `${what}: a block is not one of a tree`);
  if (checked) requireChecksum(bytes, 52, what);
  const [records, start] = [fields.u16(6), headerLength[kind]];
  const length = fields.u16(4) > 0 ? recordLength + pointerLength : recordLength;
  demand(start + records * length <= bytes.length, `${what}: a block has ${records} records`);
  return { fields, records, start };
}

interface Owner {
  readonly fs: Superblock;
  readonly place: number;
  readonly group: number;
}

function requireOwn({ fields }: TreeBlock, { fs, place, group }: Owner): void {
  const isOwn =
    fields.u64(16) === place / 512 && fields.slice(32, 16).equals(fs.structureUuid) && fields.u32(48) === group;
  demand(isOwn, `${fields.what}: a block belongs elsewhere`);
}

function records({ fields, records, start }: TreeBlock): FreeExtent[] {
  return Array.from({ length: records }, (_, n) => {
    const at = start + n * recordLength;
    return [fields.u32(at), fields.u32(at + 4)];
  });
}

/** Behind the keys there is room for as many as a block can have; then come the pointers. */
function children({ fields, records, start }: TreeBlock): Node[] {
  const most = Math.floor((fields.length - start) / (recordLength + pointerLength));
  return Array.from({ length: records }, (_, n) => ({
    block: fields.u32(start + most * recordLength + n * pointerLength),
    start: fields.u32(start + n * recordLength),
  }));
}

/** Distrusts extents that are out of order, touch, leave the group, or are not what its header counts. */
function requireFree(free: readonly FreeExtent[], group: Group): void {
  const what = `the free space of allocation group ${group.number}`;
  let [end, sum, longest] = [0, 0, 0];
  for (const [start, count] of free) {
    demand(count > 0 && start > end, `${what} is out of order`);
    end = start + count;
    sum += count;
    longest = Math.max(longest, count);
  }
  demand(end <= group.length, `${what} is larger than the group`);
  demand(sum === group.freeBlocks && longest === group.longest, `${what} is not what its header counts`);
}

function requireChecksum(bytes: Buffer, at: number, what: string): void {
  const summed = Buffer.from(bytes);
  summed.writeUInt32LE(0, at);
  demand(crc32c(summed) === bytes.readUInt32LE(at), `${what}: a checksum is wrong`);
}
