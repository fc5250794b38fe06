/** Copying something that changes meanwhile, again and again, until nothing did; and the rule by which that is given up. */
import type { Extents } from '../allocation/allocation.ts';
import { bytesIn, clip, roundOut } from '../allocation/extents.ts';

const mostPasses = 40;
/** Passes that may find as much as one before them. */
const patience = 8;
/** Seconds that all passes after the first may take; or twice what that took. */
const least = 60;
/** Bytes that are copied at least. */
const unit = 4096;

export interface Convergence {
  /** Bytes of all of it. */
  readonly size: number;
  /** Copies these; `again`: not for the first time. */
  readonly copy: (extents: Extents, again: boolean) => Promise<void>;
  /** What changed since this was asked last, or since it all began; null when nobody can tell. */
  readonly changed: () => Promise<Extents | null>;
  /** Seconds, of any origin. */
  readonly now: () => number;
}

/** Null when the copy is equal; else why it will not be. */
export async function untilEqual({ size, copy, changed, now }: Convergence): Promise<string | null> {
  const whole: Extents = [[0, size]];
  const began = now();
  let next = whole;
  let firstTook = 0;
  let fewest = Number.POSITIVE_INFINITY;
  let sinceFewest = 0;
  for (let pass = 1; ; pass++) {
    await copy(next, pass > 1);
    const took = now() - began;
    if (pass === 1) firstTook = took;
    const found = await changed();
    next = found === null ? whole : roundOut(clip(found, 0, size), unit, size);
    if (next.length === 0) return null;
    const bytes = bytesIn(next);
    sinceFewest = bytes < fewest ? 0 : sinceFewest + 1;
    fewest = Math.min(fewest, bytes);
    if (pass < mostPasses && sinceFewest < patience && took < firstTook + Math.max(least, 2 * firstTook)) continue;
    return `after ${pass} passes ${bytes} bytes were written while the last one was copied`;
  }
}
