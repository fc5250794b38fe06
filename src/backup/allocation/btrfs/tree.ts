/**
 * Trees of Btrfs, read level by level. Every block must be the one that its parent means: its checksum, file system,
 * address, generation, level and first key are compared, and keys must ascend through the whole level.
 */
import { Distrust, demand } from '../distrust.ts';
import { Fields } from '../fields.ts';
import { piecesAt } from '../pieces.ts';
import type { Volume } from '../volume.ts';
import type { ChunkMap } from './chunks.ts';
import type { Root, Superblock } from './superblock.ts';

export interface Forest {
  readonly volume: Volume;
  readonly fs: Superblock;
  readonly chunks: ChunkMap;
}

/** A leaf: items by their number. */
export class Leaf {
  readonly count: number;
  private readonly bytes: Buffer;

  constructor(bytes: Buffer, count: number) {
    this.bytes = bytes;
    this.count = count;
  }

  type(n: number): number {
    return this.bytes[headerLength + n * itemLength + 8] as number;
  }

  /** The first number of the key; those from 2^53 on, which a few trees have, are not exact. */
  object(n: number): number {
    return u64(this.bytes, headerLength + n * itemLength);
  }

  /** The last number of the key. */
  offset(n: number): number {
    return u64(this.bytes, headerLength + n * itemLength + 9);
  }

  item(n: number): Fields {
    const at = headerLength + n * itemLength + keyLength;
    const [start, length] = [headerLength + this.bytes.readUInt32LE(at), this.bytes.readUInt32LE(at + 4)];
    return new Fields(this.bytes, 'little', 'a leaf of a tree').part(start, length, 'an item of a tree');
  }
}

const headerLength = 101;
const keyLength = 17;
const itemLength = keyLength + 8;
const pointerLength = keyLength + 16;

/** A block and what its parent says of it; null: it has no parent. */
interface Node extends Root {
  readonly firstKey: Buffer | null;
}

/** The leaves of a tree in the order of their keys; `visit` is told the address of every block. */
export async function* leavesOf(forest: Forest, root: Root, visit?: (address: number) => void): AsyncGenerator<Leaf> {
  let nodes: Node[] = [{ ...root, firstKey: null }];
  for (let { level } = root; level >= 0; level--) {
    for (const { address } of nodes) visit?.(address);
    const below: Node[] = [];
    let lastKey: Buffer | null = null;
    for await (const bytes of blocksOf(forest, nodes)) {
      const count = bytes.readUInt32LE(96);
      lastKey = requireOrder(bytes, count, level === 0 ? itemLength : pointerLength, lastKey);
      if (level === 0) yield new Leaf(bytes, count);
      else for (let n = 0; n < count; n++) below.push(childOf(bytes, n, level));
    }
    nodes = below;
  }
}

/** The blocks of nodes of one level; where the first copy of one is damaged, the second. */
async function* blocksOf(forest: Forest, nodes: readonly Node[]): AsyncGenerator<Buffer> {
  const { volume, fs, chunks } = forest;
  demand(new Set(nodes.map(({ address }) => address)).size === nodes.length, 'a tree has a block twice');
  const places = nodes.map(({ address }) => chunks.copiesOf(address, fs.nodeSize)[0] as number);
  let n = 0;
  for await (const bytes of piecesAt(volume, places, fs.nodeSize)) {
    const node = nodes[n++] as Node;
    yield isBlock(bytes, node, fs) ? bytes : await secondCopyOf(node, forest);
  }
}

async function secondCopyOf(node: Node, { volume, fs, chunks }: Forest): Promise<Buffer> {
  const [, place] = chunks.copiesOf(node.address, fs.nodeSize);
  const bytes = place === undefined ? null : await volume.read(place, fs.nodeSize);
  if (bytes !== null && isBlock(bytes, node, fs)) return bytes;
  throw new Distrust(`the tree block at the logical address ${node.address} is damaged`);
}

/** Whether this is the block that its parent means. */
function isBlock(bytes: Buffer, { address, generation, level, firstKey }: Node, fs: Superblock): boolean {
  return (
    fs.isWhole(bytes) &&
    bytes.subarray(32, 48).equals(fs.uuid) &&
    u64(bytes, 48) === address &&
    u64(bytes, 80) === generation &&
    bytes[100] === level &&
    (firstKey === null || (bytes.readUInt32LE(96) > 0 && compareKeys(bytes, headerLength, firstKey, 0) === 0))
  );
}

/** The last key of a block, whose keys must ascend from `lastKey` on. */
function requireOrder(bytes: Buffer, count: number, length: number, lastKey: Buffer | null): Buffer | null {
  demand(headerLength + count * length <= bytes.length, `a tree block has ${count} items`);
  for (let n = 0; n < count; n++) {
    const at = headerLength + n * length;
    const [before, beforeAt] = n === 0 ? [lastKey, 0] : [bytes, at - length];
    if (before !== null && compareKeys(before, beforeAt, bytes, at) >= 0) throw new Distrust('a tree is out of order');
  }
  return count === 0 ? lastKey : keyAt(bytes, headerLength + (count - 1) * length);
}

function childOf(bytes: Buffer, n: number, level: number): Node {
  const at = headerLength + n * pointerLength;
  return {
    address: u64(bytes, at + keyLength),
    generation: u64(bytes, at + keyLength + 8),
    level: level - 1,
    firstKey: keyAt(bytes, at),
  };
}

function keyAt(bytes: Buffer, at: number): Buffer {
  return bytes.subarray(at, at + keyLength);
}

/** Like `compare` of numbers: object, type, offset. */
function compareKeys(a: Buffer, atA: number, b: Buffer, atB: number): number {
  return (
    a.readUInt32LE(atA + 4) - b.readUInt32LE(atB + 4) ||
    a.readUInt32LE(atA) - b.readUInt32LE(atB) ||
    a.readUInt8(atA + 8) - b.readUInt8(atB + 8) ||
    a.readUInt32LE(atA + 13) - b.readUInt32LE(atB + 13) ||
    a.readUInt32LE(atA + 9) - b.readUInt32LE(atB + 9)
  );
}

/** Without BigInt, for there are millions; exact below 2^53. */
function u64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 0x100000000 + bytes.readUInt32LE(at);
}
