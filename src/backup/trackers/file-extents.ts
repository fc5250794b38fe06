/** Where two files lie at the same places of a disk, and so have the same content: told without reading it. */
import type { Extents } from '../allocation/allocation.ts';
import { bytesIn, clip, complement, ExtentList, union } from '../allocation/extents.ts';

/** Logical offset, physical offset, length, FIEMAP_EXTENT_* flags, again and again, in logical order. */
export type FileExtents = Float64Array;

export interface Same {
  readonly unchanged: Extents;
  /** Of what the newer one holds. */
  readonly changedBytes: number;
}

/** LAST, MERGED, SHARED. What has any other flag (inline, encoded, unwritten, not yet placed …) tells nothing. */
const harmless = 0x1 | 0x1000 | 0x2000;

/**
 * What of two files of `size` is the same for certain: extents at the same place, and holes of both. Of holes only what lies
 * in blocks that hold something, too: whole blocks of them cost nothing to read.
 */
export function sameExtents(before: FileExtents, now: FileExtents, blockSize: number, size: number): Same {
  const same = shared(before, now);
  const holes = complement(union(occupied(before), occupied(now)), size);
  const partly = holes.flatMap(([offset, length]) => {
    const [first, last] = [Math.ceil(offset / blockSize) * blockSize, offset + length];
    const end = last === size ? size : Math.floor(last / blockSize) * blockSize;
    if (end <= first) return [[offset, length] as const];
    return [[offset, first - offset] as const, [end, last - end] as const].filter(([, count]) => count > 0);
  });
  const changedBytes = bytesIn(clip(occupied(now), 0, size)) - bytesIn(clip(same, 0, size));
  return { unchanged: clip(union(same, partly), 0, size), changedBytes };
}

function occupied(extents: FileExtents): Extents {
  const list = new ExtentList();
  for (let at = 0; at < extents.length; at += 4) list.add(extents[at] ?? 0, extents[at + 2] ?? 0);
  return list.extents;
}

function shared(before: FileExtents, now: FileExtents): Extents {
  const list = new ExtentList();
  for (let i = 0, j = 0; i < before.length && j < now.length; ) {
    const [a, b] = [extentAt(before, i), extentAt(now, j)];
    const from = Math.max(a.logical, b.logical);
    const isSame = a.tells && b.tells && a.physical - a.logical === b.physical - b.logical;
    if (isSame) list.add(from, Math.min(a.end, b.end) - from);
    if (a.end <= b.end) i += 4;
    else j += 4;
  }
  return list.extents;
}

function extentAt(extents: FileExtents, at: number) {
  const [logical = 0, physical = 0, length = 0, flags = 0] = extents.subarray(at, at + 4);
  return { logical, physical, end: logical + length, tells: (flags & ~harmless) === 0 };
}
