/**
 * The metadata of the kernel's target `era` (drivers/md/dm-era-target.c and persistent-data/): for each block of the
 * device the era that it was written in last, and *writesets* of eras that are not worked into that yet.
 *
 * Read out of a snapshot of the metadata, of which the kernel changes nothing while it is held. `era_invalidate` does so
 * too, but only in newer versions: that of thin-provisioning-tools 0.9 reads what the kernel is at work on. All that is
 * odd is thrown.
 */
import { crc32c } from '../../repository/crc32c.ts';
import type { Extents } from '../allocation/allocation.ts';
import { ExtentList, scale } from '../allocation/extents.ts';

/** Bytes of a block of the metadata. */
export const metadataBlock = 4096;
const sector = 512;
const magic = 2126579579n;
/** What checksums are mixed with, so that no kind of block passes for another. */
const [ofSuperblock, ofNode, ofArray] = [146538381, 121107, 595846735];
const [internalNode, leafNode] = [1, 2];
const [nodeHeader, arrayHeader, keySize, pointerSize] = [32, 24, 8, 8];
/** Where fields of the superblock lie. */
const at = { magic: 32, version: 40, blockSize: 172, metadataBlockSize: 176, count: 180, writesets: 200, eras: 208 };
const [eraSize, wordSize, writesetSize] = [4, 8, 12];
/** A tree of more levels has more leaves than there are blocks. */
const deepest = 12;
/** Blocks of a device: a bit of memory for each. */
const most = 2 ** 31;

/** Reads one block of the metadata. */
export type ReadBlock = (number: number) => Promise<Buffer>;

export interface EraShape {
  /** Bytes of a block of the device. */
  readonly block: number;
  /** How many blocks it has. */
  readonly count: number;
}

/** The bytes that were written in an era or a later one, by the snapshot of the metadata at a block of it. Throws what is odd. */
export async function writtenSince(
  read: ReadBlock,
  held: number,
  era: number,
  { block, count }: EraShape,
): Promise<Extents> {
  const head = await checked(read, held, ofSuperblock, 8);
  expect(head.readBigUInt64LE(at.magic) === magic && head.readUInt32LE(at.version) === 1, 'it has another version');
  expect(head.readUInt32LE(at.metadataBlockSize) * sector === metadataBlock, 'its blocks have another size');
  expect(head.readUInt32LE(at.blockSize) * sector === block, 'it is of blocks of another size');
  expect(head.readUInt32LE(at.count) === count && count <= most, 'it is of another number of blocks');
  const written = new Uint8Array(Math.ceil(count / 8));
  const mark = (number: number) => {
    written[number >>> 3] = (written[number >>> 3] ?? 0) | (1 << (number & 7));
  };
  await readArray(read, numberAt(head, at.eras), { size: eraSize, count }, (entries, first) => {
    for (let n = 0; n * eraSize < entries.length; n++) if (entries.readUInt32LE(n * eraSize) >= era) mark(first + n);
  });
  await readTree(read, numberAt(head, at.writesets), writesetSize, async (key, value) => {
    if (key < era) return;
    const bits = value.readUInt32LE(0);
    expect(bits <= count, 'a writeset is of too many blocks');
    const words = { size: wordSize, count: Math.ceil(bits / 64) };
    await readArray(read, numberAt(value, 4), words, (entries, first) => {
      for (let byte = 0; byte < entries.length; byte++) {
        const number = first * 64 + byte * 8;
        for (let bit = 0; bit < 8; bit++)
          if ((entries[byte] ?? 0) & (1 << bit) && number + bit < bits) mark(number + bit);
      }
    });
  });
  return scale(runsOf(written, count), block);
}

function runsOf(bits: Uint8Array, count: number): Extents {
  const runs = new ExtentList();
  for (let byte = 0; byte < bits.length; byte++) {
    if (bits[byte] === 0) continue;
    for (let bit = 0; bit < 8 && byte * 8 + bit < count; bit++) {
      if ((bits[byte] ?? 0) & (1 << bit)) runs.add(byte * 8 + bit, 1);
    }
  }
  return runs.extents;
}

/** An array: a tree of blocks that are full of entries, but for the last. Gives the entries of each block, and the number of the first. */
async function readArray(
  read: ReadBlock,
  root: number,
  { size, count }: { readonly size: number; readonly count: number },
  take: (entries: Buffer, first: number) => void,
): Promise<void> {
  const each = Math.floor((metadataBlock - arrayHeader) / size);
  let next = 0;
  await readTree(read, root, pointerSize, async (key, value) => {
    const bytes = await checked(read, numberAt(value, 0), ofArray, 16);
    const entries = bytes.readUInt32LE(8);
    expect(bytes.readUInt32LE(4) === each && bytes.readUInt32LE(12) === size, 'an array has other entries');
    expect(key * each === next && entries === Math.min(each, count - next), 'an array has gaps');
    take(bytes.subarray(arrayHeader, arrayHeader + entries * size), next);
    next += entries;
  });
  expect(next === count, 'an array is too short');
}

/** A B-tree: gives its keys in ascending order, and their values. */
async function readTree(
  read: ReadBlock,
  root: number,
  valueSize: number,
  take: (key: number, value: Buffer) => Promise<void>,
): Promise<void> {
  let last = -1;
  const descend = async (number: number, depth: number) => {
    expect(depth <= deepest, 'a tree is too deep');
    const bytes = await checked(read, number, ofNode, 8);
    const [flags, entries, room] = [4, 16, 20].map((offset) => bytes.readUInt32LE(offset)) as [number, number, number];
    const size = flags === internalNode ? pointerSize : valueSize;
    expect(flags === internalNode || flags === leafNode, 'a tree has a node of an unknown kind');
    expect(bytes.readUInt32LE(24) === size, 'a tree has other values');
    expect(entries <= room && nodeHeader + room * (keySize + size) <= metadataBlock, 'a node has too many entries');
    for (let n = 0; n < entries; n++) {
      const key = numberAt(bytes, nodeHeader + n * keySize);
      const value = bytes.subarray(nodeHeader + room * keySize + n * size).subarray(0, size);
      if (flags === internalNode) await descend(numberAt(value, 0), depth + 1);
      else {
        expect(key > last, 'the keys of a tree are not in order');
        last = key;
        await take(key, value);
      }
    }
  };
  await descend(root, 0);
}

/** A block that has its own number at an offset, and the checksum of its kind. */
async function checked(read: ReadBlock, number: number, kind: number, numberOffset: number): Promise<Buffer> {
  const bytes = await read(number);
  expect(bytes.length === metadataBlock, `block ${number} is cut off`);
  const sum = (~crc32c(bytes.subarray(4)) ^ kind) >>> 0;
  expect(bytes.readUInt32LE(0) === sum && numberAt(bytes, numberOffset) === number, `block ${number} is damaged`);
  return bytes;
}

function numberAt(bytes: Buffer, offset: number): number {
  const value = Number(bytes.readBigUInt64LE(offset));
  expect(Number.isSafeInteger(value), 'a number is too large');
  return value;
}

function expect(is: boolean, what: string): void {
  if (!is) throw new Error(`the metadata of the eras is not as expected: ${what}`);
}
