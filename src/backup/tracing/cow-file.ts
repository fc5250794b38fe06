/**
 * The file of dattobd and elastio-snap ("COW file"), after a transition to the next snapshot: which blocks of 4096 bytes
 * changed between the two. All numbers are little-endian.
 *
 * It begins with a header of 4096 bytes. The index follows, a number of 64 bits for each whole block of the device, in
 * sections of 4096: 0 when it did not change, 1 when it changed in incremental mode, and else which block of this file holds
 * what stood there, which is behind the index. Sections in which nothing changed may be holes.
 *
 * While the driver works with it the index in the file is void, so only a file that it left clean is read, and only when
 * as many blocks have changed as its header counts.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { fromSystem } from '../../errors.ts';
import { native } from '../../native.ts';
import type { Extents } from '../allocation/allocation.ts';
import { demand } from '../allocation/distrust.ts';
import { clip, ExtentList, scale, union } from '../allocation/extents.ts';
import { Fields } from '../allocation/fields.ts';

export const cowBlock = 4096;
const magic = 4776;
const headerLength = 4096;
const sectionBlocks = 4096;
const entryLength = 8;
/** Flags: left clean; nothing behind the index; how the driver had its memory. */
const [isClean, isIndexOnly, hadVirtualMemory] = [1, 2, 4];
const chunk = 1024 ** 2;
/** FIEMAP_EXTENT_UNWRITTEN: zeros. */
const unwritten = 0x800;
/** More pieces would need more memory than reading all takes time. */
const mostPieces = 2_000_000;

export interface CowHeader {
  readonly clean: boolean;
  readonly indexOnly: boolean;
  /** The block of the file that would be written to next. */
  readonly position: number;
  /** Bytes that the driver may use. */
  readonly size: number;
  readonly sequence: number;
  /** 32 hex digits. */
  readonly uuid: string;
  readonly version: number;
  readonly changedBlocks: number;
}

/** What a file must be of, to be read. */
export interface Expected {
  /** Bytes of the device. */
  readonly size: number;
  readonly uuid: string;
  readonly sequence: number;
}

/** Reads the header from the first 64 bytes or more; throws a Distrust when it is none. */
export function parseCowHeader(bytes: Buffer): CowHeader {
  const fields = new Fields(bytes, 'little', 'the header of the file of the driver');
  demand(fields.u32(0) === magic, 'the file of the driver does not begin as one');
  const flags = fields.u32(4);
  demand(
    (flags & ~(isClean | isIndexOnly | hadVirtualMemory)) === 0,
    `the file of the driver has unknown flags, ${flags}`,
  );
  return {
    clean: (flags & isClean) !== 0,
    indexOnly: (flags & isIndexOnly) !== 0,
    position: fields.u64(8),
    size: fields.u64(16),
    sequence: fields.u64(24),
    uuid: fields.slice(32, 16).toString('hex'),
    version: fields.u64(48),
    changedBlocks: fields.u64(56),
  };
}

/** Where the index ends and what was overwritten begins, in a file of a device of `size` bytes. */
export function indexEnd(size: number): number {
  const sections = Math.ceil(Math.floor(size / cowBlock) / sectionBlocks);
  return headerLength + sections * sectionBlocks * entryLength;
}

/** The bytes of the device that changed. Throws, mostly a Distrust, unless the file is whole, and the one that is expected. */
export async function readChanged(path: string, expected: Expected): Promise<Extents> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw fromSystem(error, `cannot read ${path}`);
  });
  try {
    const header = parseCowHeader(await readAt(file, 0, headerLength));
    const end = indexEnd(expected.size);
    requireExpected(header, expected, end);
    return await readIndex(file, header, expected.size, end);
  } finally {
    await file.close();
  }
}

function requireExpected(header: CowHeader, { size, uuid, sequence }: Expected, end: number): void {
  const blocks = Math.floor(size / cowBlock);
  demand(header.version === 1, `the file of the driver is of version ${header.version}, which is not known`);
  demand(header.uuid === uuid, 'the file of the driver is of another series of snapshots');
  demand(header.sequence === sequence, `the file of the driver is of snapshot ${header.sequence}, not ${sequence}`);
  demand(header.clean, 'the driver did not finish its file');
  demand(header.indexOnly, 'the file of the driver is that of a snapshot, which notes no more than what it overwrote');
  demand(header.changedBlocks <= blocks + 1, 'the file of the driver counts more changes than there are blocks');
  const first = end / cowBlock;
  demand(
    header.position >= first && header.position - first <= blocks,
    'the file of the driver is of another size of disk',
  );
}

async function readIndex(file: FileHandle, header: CowHeader, size: number, end: number): Promise<Extents> {
  const [blocks, rest] = [Math.floor(size / cowBlock), size % cowBlock];
  const { size: length } = await file.stat();
  demand(length >= end, 'the file of the driver ends before its index does');
  demand(length === end, 'the file of the driver goes on behind its index: it is of a larger disk, or was not cut');
  const first = end / cowBlock;
  const changed = new ExtentList();
  let count = 0;
  for (const [from, length] of await written(file, end)) {
    for (let at = from; at < from + length; at += chunk) {
      const bytes = await readAt(file, at, Math.min(chunk, from + length - at));
      const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
      for (let word = 0; word < words.length; word += 2) {
        if (words[word] === 0 && words[word + 1] === 0) continue;
        const block = (at - headerLength) / entryLength + word / 2;
        const value = bytes.readBigUInt64LE(word * 4);
        const known = value === 1n || (value >= BigInt(first) && value < BigInt(header.position));
        demand(known, `the file of the driver says of block ${block} what cannot be`);
        // The last block may be a part of one.
        demand(block < blocks + (rest > 0 ? 1 : 0), 'the file of the driver names blocks past the end of the disk');
        count++;
        changed.add(block, 1);
        demand(changed.extents.length <= mostPieces, 'what changed is in too many pieces');
      }
    }
  }
  demand(
    count === header.changedBlocks,
    `the file of the driver counts ${header.changedBlocks} changes and names ${count}`,
  );
  // What has no entry of its own is not noted.
  const tail: Extents = rest > 0 ? [[blocks * cowBlock, rest]] : [];
  return clip(union(scale(changed.extents, cowBlock), tail), 0, size);
}

/** What of the index, up to `end`, is not a hole: whole entries. All of it, where the file system cannot tell. */
async function written(file: FileHandle, end: number): Promise<Extents> {
  const all: Extents = [[headerLength, end - headerLength]];
  const extents = await native.fileExtents(file.fd).catch(() => null);
  if (extents === null) return clip(all, headerLength, end - headerLength);
  const list = new ExtentList();
  for (let at = 0; at < extents.length; at += 4) {
    const [from = 0, , length = 0, flags = 0] = extents.subarray(at, at + 4);
    // Also of a file system with small blocks whole blocks of our own.
    const start = Math.floor(from / cowBlock) * cowBlock;
    if ((flags & unwritten) === 0) list.add(start, Math.ceil((from + length) / cowBlock) * cowBlock - start);
  }
  return clip(list.extents, headerLength, end - headerLength);
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.from(new ArrayBuffer(length));
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, at + done);
    demand(bytesRead > 0, 'the file of the driver ends too early');
    done += bytesRead;
  }
  return bytes;
}
