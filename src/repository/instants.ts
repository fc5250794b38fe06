/**
 * What retention counts: instants of a disk, not points. A synthetic full is the same instant as the point that it
 * equals, and stands for it. That they are equal is read off their roots, so it holds for a synthetic full of a synthetic
 * full too, whatever of them is gone.
 *
 * Clocks jump. A point that says it is of the year 2099 must not make all others old, nor one of 1970 be old itself,
 * so an instant is in doubt when its time contradicts what is known for certain: it lies in the future, after a point
 * that was made later, or before one that was made earlier, as chains tell. Which of two is wrong cannot be told, so both
 * are in doubt. Points in the future are wrong by themselves and say nothing about others.
 */
import type { Manifest } from './manifest.ts';
import type { Point } from './points.ts';

/** What of a point retention looks at. */
export type RetentionPoint = Pick<
  Point,
  'id' | 'machine' | 'disk' | 'time' | 'parent' | 'tags' | 'protected' | 'verified' | 'forgotten'
> & { readonly manifest: Pick<Manifest, 'synthesis' | 'root'> };

export type Doubt = 'in the future' | 'out of order';

export interface Instant {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Those that are not forgotten; the first stands for all. */
  readonly points: readonly [RetentionPoint, ...RetentionPoint[]];
  readonly doubt: Doubt | null;
}

/** Points by id, each after the one that it was made of or on. */
type Made = ReadonlyMap<string, RetentionPoint>;

/**
 * The instants of each disk, newest first. Forgotten points are in none, but tell of the order of others. `now` is in
 * milliseconds since 1970.
 */
export function instantsOf(points: readonly RetentionPoint[], now: number): Instant[][] {
  const made = inOrderMade(points);
  const doubts = doubtsOf(made, now);
  const instants = byInstant(made).flatMap((all): Instant[] => {
    const [first, ...others] = all.filter(({ forgotten }) => !forgotten).reverse();
    if (first === undefined) return [];
    const doubt = all.map(({ id }) => doubts.get(id)).find((found) => found !== undefined) ?? null;
    return [{ time: timeOf(first), points: [first, ...others], doubt }];
  });
  const disks = Map.groupBy(instants, ({ points: [{ machine, disk }] }) => `${machine}/${disk}`);
  // Of one time: what was made later first.
  return [...disks.values()].map((disk) => disk.reverse().sort((a, b) => b.time - a.time));
}

function inOrderMade(points: readonly RetentionPoint[]): Made {
  const byId = new Map(points.map((point) => [point.id, point]));
  const made = new Map<string, RetentionPoint>();
  for (const id of [...byId.keys()].sort()) {
    const line = new Map<string, RetentionPoint>();
    for (let at = byId.get(id); at !== undefined && !made.has(at.id) && !line.has(at.id); ) {
      line.set(at.id, at);
      at = byId.get(madeOn(at) ?? '');
    }
    for (const point of [...line.values()].reverse()) made.set(point.id, point);
  }
  return made;
}

/** Points of one instant each, the one that stands for the others last. */
function byInstant(made: Made): RetentionPoint[][] {
  const equal = Map.groupBy(made.values(), ({ machine, disk, time, manifest }) =>
    [machine, disk, time, manifest.root].join('/'),
  );
  return [...equal.values()].flatMap((points) => {
    const [synthetic, others] = [points.filter(isSynthetic), points.filter((point) => !isSynthetic(point))];
    return synthetic.length > 0 ? [[...others, ...synthetic]] : others.map((point) => [point]);
  });
}

function doubtsOf(made: Made, now: number): Map<string, Doubt> {
  const latestBefore = new Map<string, number>();
  const earliestAfter = new Map<string, number>();
  for (const point of made.values()) {
    const below = made.get(madeOn(point) ?? '');
    if (below === undefined) continue;
    const known = timeOf(below) > now ? Number.NEGATIVE_INFINITY : timeOf(below);
    latestBefore.set(point.id, Math.max(latestBefore.get(below.id) ?? known, known));
  }
  for (const point of [...made.values()].reverse()) {
    const below = madeOn(point);
    if (below === null) continue;
    const known = timeOf(point) > now ? Number.POSITIVE_INFINITY : timeOf(point);
    const after = Math.min(earliestAfter.get(point.id) ?? known, known);
    earliestAfter.set(below, Math.min(earliestAfter.get(below) ?? after, after));
  }
  const doubts = new Map<string, Doubt>();
  for (const { id, ...point } of made.values()) {
    const time = Date.parse(point.time);
    const outOfOrder = (latestBefore.get(id) ?? time) > time || (earliestAfter.get(id) ?? time) < time;
    if (time > now) doubts.set(id, 'in the future');
    else if (outOfOrder) doubts.set(id, 'out of order');
  }
  return doubts;
}

/** The point that was there before: the parent, or of a synthetic full the one that it equals. */
function madeOn({ parent, manifest }: RetentionPoint): string | null {
  return parent ?? manifest.synthesis?.of ?? null;
}

function isSynthetic({ manifest }: RetentionPoint): boolean {
  return manifest.synthesis !== undefined;
}

function timeOf({ time }: RetentionPoint): number {
  return Date.parse(time);
}
