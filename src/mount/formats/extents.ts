/** Extents as ranges, and what pieces of a disk they touch. */
import type { Extents } from './segment.ts';

/** From `from` up to, not including, `to`. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** The extents as ranges of bytes, cut at `end`. */
export function rangesOf(extents: Extents, end: number): Generator<Range> {
  return rangesWithin(extents, 0, end);
}

/** What of the extents lies from `start` up to `end`. */
export function* rangesWithin(extents: Extents, start: number, end: number): Generator<Range> {
  let [low, high] = [0, extents.length / 2];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((extents[2 * middle] as number) + (extents[2 * middle + 1] as number) <= start) low = middle + 1;
    else high = middle;
  }
  for (let at = 2 * low; at < extents.length; at += 2) {
    const from = extents[at] as number;
    if (from >= end) return;
    const range = { from: Math.max(from, start), to: Math.min(from + (extents[at + 1] as number), end) };
    if (range.from < range.to) yield range;
  }
}

/**
 * Which pieces of `unit` bytes hold something of the extents before `end`, as ranges of piece numbers: ascending,
 * neither overlapping nor touching.
 */
export function piecesOf(extents: Extents, unit: number, end: number): Range[] {
  const pieces: Range[] = [];
  for (const { from, to } of rangesOf(extents, end)) {
    const touched = { from: Math.floor(from / unit), to: Math.ceil(to / unit) };
    const last = pieces.at(-1);
    if (last === undefined || last.to < touched.from) pieces.push(touched);
    else pieces[pieces.length - 1] = { from: last.from, to: touched.to };
  }
  return pieces;
}
