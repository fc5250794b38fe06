/** Disks to lay out: extents and content come from a seed, and any part of the content can be had without the rest. */
import { open } from 'node:fs/promises';
import type { PointDisk } from '../../../../src/mount/formats/segment.ts';

export const kib = 1024;
export const mib = 1024 * kib;
export const gib = 1024 * mib;
export const tib = 1024 * gib;

/** A disk and what it holds. */
export interface TestDisk {
  readonly point: PointDisk;
  /** Past the end of the disk are zeros. */
  readonly read: (offset: number, length: number) => Buffer;
}

export interface DiskRequest {
  readonly seed: number;
  readonly size: number;
  /** Extents begin at multiples of it. */
  readonly blockSize?: number;
  /** So many extents at most, of 1 to so many blocks. */
  readonly extents?: number;
  readonly longest?: number;
  readonly sectorSize?: 512 | 4096;
}

/** A disk with extents all over it, one of them at its end. */
export function makeDisk(request: DiskRequest): TestDisk {
  const { seed, size, sectorSize = 512 } = request;
  const data = makeExtents(request);
  const id = seed.toString(16).padStart(24, '0');
  const point = { id, name: 'machine/disk', time: '2026-11-20T10:00:00.000Z', size, sectorSize, data };
  return { point, read: (offset, length) => contentOf(data, size, seed, offset, length) };
}

/** The disk as `parent` became it by changes: where those lie, content and zeros of its own, else the parent's. */
export function makeChild(parent: TestDisk, request: DiskRequest): { disk: TestDisk; changed: Float64Array } {
  const changed = makeExtents(request);
  const { seed, size, blockSize = 64 * kib } = request;
  const blocks = new Map<number, 'data' | 'zero'>();
  for (const [offset, length] of pairs(parent.point.data)) {
    for (let at = offset; at < offset + length; at += blockSize) blocks.set(at, 'data');
  }
  const own = new Set<number>();
  for (const [offset, length] of pairs(changed)) {
    for (let at = offset; at < offset + length; at += blockSize) {
      // Of the changed blocks one in three became zero.
      const isData = (at / blockSize) % 3 !== 0;
      if (isData) own.add(at);
      blocks.set(at, isData ? 'data' : 'zero');
    }
  }
  const data: number[] = [];
  for (const [at, kind] of [...blocks].sort(([a], [b]) => a - b)) {
    if (kind === 'zero') continue;
    const length = data.at(-1) ?? 0;
    if (data.length > 0 && (data.at(-2) ?? 0) + length === at) data[data.length - 1] = length + blockSize;
    else data.push(at, blockSize);
  }
  const point = { ...parent.point, id: seed.toString(16).padStart(24, '0'), size, data: Float64Array.from(data) };
  const read = (offset: number, length: number): Buffer => {
    const bytes = parent.read(offset, length);
    for (let at = Math.floor(offset / blockSize) * blockSize; at < offset + length; at += blockSize) {
      if (!isIn(changed, at)) continue;
      const block = own.has(at) ? pattern(seed, at, Math.min(blockSize, size - at)) : Buffer.alloc(blockSize);
      const part = Buffer.concat([block], blockSize);
      for (let n = Math.max(at, offset); n < Math.min(at + blockSize, offset + length); n++) {
        bytes[n - offset] = part[n - at] as number;
      }
    }
    return bytes;
  };
  return { disk: { point, read }, changed };
}

/** Writes the disk as a sparse file of its exact size. */
export async function writeDisk(path: string, { point, read }: TestDisk): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (const [offset, length] of pairs(point.data)) {
      const end = Math.min(offset + length, point.size);
      for (let at = offset; at < end; at += mib) await file.write(read(at, Math.min(mib, end - at)), 0, null, at);
    }
    await file.truncate(point.size);
  } finally {
    await file.close();
  }
}

export function* pairs(extents: Float64Array): Generator<[offset: number, length: number]> {
  for (let at = 0; at < extents.length; at += 2) yield [extents[at] as number, extents[at + 1] as number];
}

/** A number from 0 up to 1, the next at each call: mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

function makeExtents({ seed, size, blockSize = 64 * kib, extents = 100, longest = 20 }: DiskRequest): Float64Array {
  const random = randomFrom(seed);
  const blocks = Math.ceil(size / blockSize);
  const gap = Math.max(Math.floor((2 * blocks) / extents) - longest, 1);
  const found: number[] = [];
  let block = Math.floor(random() * Math.min(gap, blocks));
  while (block < blocks) {
    const count = Math.min(1 + Math.floor(random() * longest), blocks - block);
    found.push(block * blockSize, count * blockSize);
    block += count + 1 + Math.floor(random() * gap);
  }
  const end = (found.at(-2) ?? 0) + (found.at(-1) ?? 0);
  if (end < (blocks - 1) * blockSize) found.push((blocks - 1) * blockSize, blockSize);
  return Float64Array.from(found);
}

function contentOf(data: Float64Array, size: number, seed: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let n = firstReaching(data, offset); n < data.length; n += 2) {
    const from = Math.max(data[n] as number, offset);
    const to = Math.min((data[n] as number) + (data[n + 1] as number), offset + length, size);
    if ((data[n] as number) >= offset + length) break;
    if (from < to) pattern(seed, from, to - from).copy(bytes, from - offset);
  }
  return bytes;
}

/** Bytes that stand nowhere else: 16 bytes of place and seed, from each multiple of 16 on. */
function pattern(seed: number, offset: number, length: number): Buffer {
  const start = Math.floor(offset / 16) * 16;
  const records = Math.ceil((offset + length - start) / 16);
  const values = new Float64Array(2 * records);
  for (let n = 0; n < records; n++) {
    values[2 * n] = start + 16 * n;
    values[2 * n + 1] = seed + 0.1;
  }
  return Buffer.from(values.buffer, offset - start, length);
}

function isIn(extents: Float64Array, at: number): boolean {
  return at >= (extents[firstReaching(extents, at)] ?? Number.POSITIVE_INFINITY);
}

/** Index of the first extent that ends behind `offset`. */
function firstReaching(extents: Float64Array, offset: number): number {
  let low = 0;
  let high = extents.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((extents[2 * middle] as number) + (extents[2 * middle + 1] as number) <= offset) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}
