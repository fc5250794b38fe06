/**
 * What of a disk a run does not read. Two ranges that mean different things: nobody uses the one, so it becomes zero; the
 * other did not change since the parent, so it stays what that has.
 */
import type { Manifest } from '../repository/manifest.ts';
import type { Extents } from './allocation/allocation.ts';
import { clip, complement, roundOut, union } from './allocation/extents.ts';

export interface Skips {
  readonly unallocated: Extents;
  /** Counts only with a parent. */
  readonly unchanged: Extents;
  /** How many of the unchanged blocks are read nevertheless, and compared. */
  readonly auditPercent: number;
}

/**
 * What of `unchanged` may stay what the parent has: not what the parent could not read, nor the block in which one of
 * the disks ends when they differ in size.
 */
export function keptFrom(parent: Manifest, unchanged: Extents, size: number): Extents {
  const { blockSize } = parent;
  const shared = parent.size === size ? size : Math.floor(Math.min(size, parent.size) / blockSize) * blockSize;
  const read = roundOut(parent.unreadable, blockSize, size);
  return complement(union(complement(clip(unchanged, 0, shared), size), read), size);
}

/** As the addon takes them: offset, length, offset, length … */
export function flat(extents: Extents): Float64Array {
  const numbers = new Float64Array(extents.length * 2);
  for (const [at, [offset, length]] of extents.entries()) numbers.set([offset, length], at * 2);
  return numbers;
}
