/** What allocation maps are read from: a disk, a partition of it, or an image. */
import { concurrently } from '../../repository/concurrently.ts';
import { Distrust } from './distrust.ts';

/** Bytes of a volume, as its file system sees them. */
export interface Volume {
  readonly size: number;
  /** Exactly `length` bytes; a Distrust when they reach past the end, are too many at once, or cannot be read. */
  read(offset: number, length: number): Promise<Buffer>;
}

/** Whoever reads more at once follows a damaged length. */
const mostBytes = 64 * 1024 * 1024;
const readsAtOnce = 8;
const mostInRun = 1024 * 1024;

/** A volume of `size` bytes; `read` is asked only for what lies within it. */
export function volumeOf(size: number, read: Volume['read']): Volume {
  return {
    size,
    read: async (offset, length) => {
      if (!liesWithin(size, offset, length))
        throw new Distrust(`${length} bytes at ${offset} reach past its end, ${size}`);
      if (length > mostBytes) throw new Distrust(`a structure at ${offset} has ${length} bytes`);
      return read(offset, length);
    },
  };
}

/** A part of a volume, as a volume. */
export function partOf(volume: Volume, offset: number, size: number): Volume {
  return volumeOf(size, (at, length) => volume.read(offset + at, length));
}

/** Blocks of a volume by their numbers, which may come in any order; what lies side by side is read at once. */
export async function readBlocks(
  volume: Volume,
  blockSize: number,
  numbers: readonly number[],
): Promise<Map<number, Buffer>> {
  const runs: { first: number; count: number }[] = [];
  for (const number of Float64Array.from(numbers).sort()) {
    const last = runs.at(-1);
    if (last !== undefined && last.first + last.count === number && last.count * blockSize < mostInRun) last.count++;
    else runs.push({ first: number, count: 1 });
  }
  const blocks = new Map<number, Buffer>();
  await concurrently(runs, readsAtOnce, async ({ first, count }) => {
    const bytes = await volume.read(first * blockSize, count * blockSize);
    for (let at = 0; at < count; at++) blocks.set(first + at, bytes.subarray(at * blockSize, (at + 1) * blockSize));
  });
  return blocks;
}

function liesWithin(size: number, offset: number, length: number): boolean {
  return (
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length) &&
    offset >= 0 &&
    length >= 0 &&
    offset + length <= size
  );
}
