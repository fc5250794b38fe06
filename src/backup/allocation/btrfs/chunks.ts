/**
 * Chunks: which places of the device a range of logical addresses means. On one device a chunk has one copy of its
 * content, or two (the profile DUP).
 */
import { Distrust, demand } from '../distrust.ts';
import type { Fields } from '../fields.ts';
import type { Superblock } from './superblock.ts';

export interface Chunk {
  /** Logical address, and bytes. */
  readonly start: number;
  readonly length: number;
  /** Where its copies begin on the device. */
  readonly copies: readonly number[];
}

const profiles = { known: 0x1n | 0x2n | 0x4n, dup: 0x20n };
const headLength = 48;
const stripeLength = 32;
const keyLength = 17;
const chunkKey = 228;

/** A chunk item, as the chunk tree and the superblock have it. */
export function parseChunk(start: number, item: Fields, fs: Superblock): Chunk {
  const [length, type, count] = [item.u64(0), item.big(24), item.u16(44)];
  const what = `the chunk at ${start}`;
  demand((type & ~(profiles.known | profiles.dup)) === 0n, `${what} is of a profile not known here`);
  demand(count === ((type & profiles.dup) === 0n ? 1 : 2), `${what} has ${count} copies`);
  demand(item.length === headLength + count * stripeLength, `${what} has an item of ${item.length} bytes`);
  demand(length > 0 && length % fs.sectorSize === 0, `${what} has ${length} bytes`);
  const copies = Array.from({ length: count }, (_, n) => {
    const [device, offset] = [item.u64(headLength + n * stripeLength), item.u64(headLength + n * stripeLength + 8)];
    demand(device === fs.deviceId, `${what} lies on another device`);
    demand(offset + length <= fs.deviceSize, `${what} reaches past the end of the device`);
    return offset;
  });
  return { start, length, copies };
}

/** The chunks that the superblock itself names. */
export function systemChunks(fs: Superblock): Chunk[] {
  const chunks: Chunk[] = [];
  const { systemChunks: array } = fs;
  for (let at = 0; at < array.length; ) {
    demand(array.u8(at + 8) === chunkKey, 'its system chunks are not chunks');
    const itemLength = headLength + array.u16(at + keyLength + 44) * stripeLength;
    chunks.push(parseChunk(array.u64(at + 9), array.part(at + keyLength, itemLength, array.what), fs));
    at += keyLength + itemLength;
  }
  return chunks;
}

/** Finds the places of logical ranges. */
export class ChunkMap {
  readonly chunks: readonly Chunk[];

  constructor(chunks: readonly Chunk[]) {
    this.chunks = [...chunks].sort((a, b) => a.start - b.start);
    for (const [n, { start }] of this.chunks.entries()) {
      const before = this.chunks[n - 1];
      demand(before === undefined || before.start + before.length <= start, 'two of its chunks overlap');
    }
  }

  /** The chunk that all of a range lies in. */
  holding(address: number, length: number): Chunk {
    let [low, high] = [0, this.chunks.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.chunks[middle] as Chunk).start <= address) low = middle + 1;
      else high = middle;
    }
    const chunk = this.chunks[low - 1];
    if (chunk !== undefined && length > 0 && address + length <= chunk.start + chunk.length) return chunk;
    throw new Distrust(`${length} bytes at the logical address ${address} lie in no chunk`);
  }

  /** Where the copies of a range that lies in one chunk begin. */
  copiesOf(address: number, length: number): number[] {
    const { start, copies } = this.holding(address, length);
    return copies.map((copy) => copy + address - start);
  }

  /** Where all copies of a range lie, which may reach over several chunks. */
  placesOf(address: number, length: number): [number, number][] {
    const places: [number, number][] = [];
    for (let at = address; at < address + length; ) {
      const { start, length: whole, copies } = this.holding(at, 1);
      const count = Math.min(address + length, start + whole) - at;
      for (const copy of copies) places.push([copy + at - start, count]);
      at += count;
    }
    return places;
  }
}
