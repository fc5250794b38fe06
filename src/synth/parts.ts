/**
 * Which ranges of a pack the store itself is to copy, so that the least goes over the network.
 *
 * A store copies ranges of some megabytes and more, and does not look into them: what nobody needs any more comes along between the frames
 * that are wanted, and takes room for as long as the copy lives. A frame that is in no range is read and written by us. So of all choices
 * of ranges that one is taken for which `bytes through us, twice` (they come and they go) + `bytes that nobody needs` is least; a range also
 * counts as `rangeCost`, so that a small gap does not make two of one.
 *
 * The frames of a pack are gone through once: the best choice for the first j of them is either that of the first j - 1 and frame j by
 * itself, or ends with a range from some frame i to frame j. Such a range costs its length less the frames in it. If it is
 * longer than the shortest one allowed, the best i is the least of a running minimum; if it has to be made longer, it is the first i that
 * is not longer by itself, as more frames in the same length never cost more.
 */

/** A range of a pack. */
export interface Part {
  readonly offset: number;
  readonly length: number;
  /** The frames in it: the first, and how many. */
  readonly first: number;
  readonly count: number;
  /** Bytes of these. */
  readonly live: number;
}

/** Frames in the order of their offsets, which do not overlap. */
export interface PackedFrames {
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
}

export interface PartRules {
  /** The shortest range that may be copied. */
  readonly smallestPart: number;
  readonly rangeCost: number;
}

/** Kept free before the first frame of a range, so that it may stand at the head of a pack. */
export const headRoom = 16;

/** The ranges of a pack of so many bytes that cost least. */
export function chooseParts({ offset, length }: PackedFrames, packBytes: number, rules: PartRules): Part[] {
  const { smallestPart, rangeCost } = rules;
  const count = offset.length;
  if (packBytes < smallestPart) return [];
  // least[j], of the first j frames; startOf[j]: the first frame of the range that ends with frame j - 1, or j for none.
  const least = new Float64Array(count + 1);
  const startOf = new Uint32Array(count + 1);
  const live = new Float64Array(count + 1);
  let long = 0;
  let bestLong = Number.POSITIVE_INFINITY;
  let bestLongStart = 0;
  for (let j = 1; j <= count; j++) {
    const end = at(offset, j - 1) + at(length, j - 1);
    live[j] = at(live, j - 1) + at(length, j - 1);
    for (; long < j && end - begin(offset, long) >= smallestPart; long++) {
      const value = at(least, long) + at(live, long) - begin(offset, long);
      if (value < bestLong) {
        bestLong = value;
        bestLongStart = long;
      }
    }
    let cost = at(least, j - 1) + 2 * at(length, j - 1);
    let start = j;
    const asLong = bestLong + end - at(live, j) + rangeCost;
    if (asLong < cost) {
      cost = asLong;
      start = bestLongStart;
    }
    const asShort = long < j ? at(least, long) + at(live, long) + smallestPart - at(live, j) + rangeCost : cost;
    if (asShort < cost) {
      cost = asShort;
      start = long;
    }
    least[j] = cost;
    startOf[j] = start;
  }
  const parts: Part[] = [];
  for (let j = count; j > 0; ) {
    const first = at(startOf, j);
    if (first === j) {
      j -= 1;
      continue;
    }
    const span = at(offset, j - 1) + at(length, j - 1) - begin(offset, first);
    const whole = Math.max(span, smallestPart);
    const from = Math.min(begin(offset, first), packBytes - whole);
    parts.push({ offset: from, length: whole, first, count: j - first, live: at(live, j) - at(live, first) });
    j = first;
  }
  return parts.reverse();
}

/** What a choice costs, by the rule that it is made by. */
export function costOf({ length }: PackedFrames, parts: readonly Part[], { rangeCost }: PartRules): number {
  const inParts = parts.reduce((sum, part) => sum + part.live, 0);
  const through = length.reduce((sum, bytes) => sum + bytes, 0) - inParts;
  return 2 * through + parts.reduce((sum, part) => sum + part.length - part.live + rangeCost, 0);
}

function begin(offset: Uint32Array, frame: number): number {
  return at(offset, frame) - headRoom;
}

function at(column: Uint32Array | Float64Array, index: number): number {
  return column[index] as number;
}
