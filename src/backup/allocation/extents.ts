/** Extents: sorted lists of [offset, length], disjoint and not touching. */
import type { Extents } from './allocation.ts';

/** Makes extents of runs that come in ascending order; runs may overlap and touch those before them. */
export class ExtentList {
  private readonly list: [number, number][] = [];

  /** `offset` must not lie before that of the run added last. */
  add(offset: number, length: number): void {
    if (length <= 0) return;
    const last = this.list.at(-1);
    if (last !== undefined && offset <= last[0] + last[1]) {
      last[1] = Math.max(last[1], offset + length - last[0]);
    } else {
      this.list.push([offset, length]);
    }
  }

  get extents(): Extents {
    return this.list;
  }
}

/** Extents of runs in any order, which may overlap and touch. */
export function extentsOf(runs: Iterable<readonly [number, number]>): Extents {
  const list = new ExtentList();
  for (const [offset, length] of [...runs].sort(([a], [b]) => a - b)) list.add(offset, length);
  return list.extents;
}

/** What lies in any of them. */
export function union(...all: readonly Extents[]): Extents {
  const [first = [], ...others] = all.filter(({ length }) => length > 0);
  return others.reduce(unionOfTwo, first);
}

function unionOfTwo(a: Extents, b: Extents): Extents {
  const list = new ExtentList();
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const [next, other] = [a[i], b[j]];
    const takeA = other === undefined || (next !== undefined && next[0] <= other[0]);
    const [offset, length] = (takeA ? next : other) as readonly [number, number];
    list.add(offset, length);
    if (takeA) i++;
    else j++;
  }
  return list.extents;
}

/** What of [0, size) lies in none of them. */
export function complement(extents: Extents, size: number): Extents {
  const list = new ExtentList();
  let at = 0;
  for (const [offset, length] of extents) {
    list.add(at, Math.min(offset, size) - at);
    at = offset + length;
  }
  list.add(at, size - at);
  return list.extents;
}

/** What of them lies in [offset, offset + length). */
export function clip(extents: Extents, offset: number, length: number): Extents {
  const list = new ExtentList();
  for (let at = firstEndingAfter(extents, offset); at < extents.length; at++) {
    const [start, count] = extents[at] as readonly [number, number];
    if (start >= offset + length) break;
    const from = Math.max(start, offset);
    list.add(from, Math.min(start + count, offset + length) - from);
  }
  return list.extents;
}

/** The same ones, so many bytes further on. */
export function shift(extents: Extents, by: number): Extents {
  return extents.map(([offset, length]) => [offset + by, length] as const);
}

/** Extents in units of `by` bytes, in bytes. */
export function scale(extents: Extents, by: number): Extents {
  return extents.map(([offset, length]) => [offset * by, length * by] as const);
}

/** The whole blocks that they touch, none past `size` but for its last, partial one. */
export function roundOut(extents: Extents, block: number, size: number): Extents {
  const list = new ExtentList();
  for (const [offset, length] of extents) {
    const from = Math.floor(offset / block) * block;
    list.add(from, Math.min(Math.ceil((offset + length) / block) * block, size) - from);
  }
  return list.extents;
}

/** Whether all of `inner` lies in `outer`. */
export function covers(outer: Extents, inner: Extents): boolean {
  let at = 0;
  for (const [offset, length] of inner) {
    while (at < outer.length && endOf(outer[at]) <= offset) at++;
    const [start, count] = outer[at] ?? [Infinity, 0];
    if (start > offset || start + count < offset + length) return false;
  }
  return true;
}

export function bytesIn(extents: Extents): number {
  return extents.reduce((sum, [, length]) => sum + length, 0);
}

function firstEndingAfter(extents: Extents, offset: number): number {
  let [low, high] = [0, extents.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (endOf(extents[middle]) > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

function endOf(extent: readonly [number, number] | undefined): number {
  return extent === undefined ? 0 : extent[0] + extent[1];
}
