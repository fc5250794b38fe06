/** When a chain is to be merged: a pure function of the points of a disk. */
import type { Point } from '../repository/points.ts';

export interface ChainPolicy {
  /** Longest chain that stays; null: any. */
  readonly maxChain: number | null;
  /** Milliseconds after which the newest point is not to stand on a full any more; null: any. */
  readonly fullEvery: number | null;
}

type Link = Pick<Point, 'id' | 'time' | 'parent' | 'chainLength'>;

const day = 86_400_000;

/** Why the newest point of a disk is to become a synthetic full; null when it may stay. `all` has forgotten ones too. */
export function whyMerge(newest: Link, all: readonly Link[], { maxChain, fullEvery }: ChainPolicy): string | null {
  if (newest.chainLength === 1) return null;
  if (maxChain !== null && newest.chainLength > maxChain) {
    return `its chain of ${newest.chainLength} points is longer than ${maxChain}`;
  }
  const full = rootOf(newest, all);
  if (fullEvery === null || full === null) return null;
  const age = Date.parse(newest.time) - Date.parse(full.time);
  return age < fullEvery ? null : `its full is ${Math.floor(age / day)} days older than it`;
}

/** The full that a point stands on; null when the chain is broken. */
function rootOf(point: Link, all: readonly Link[]): Link | null {
  const byId = new Map(all.map((link) => [link.id, link]));
  const seen = new Set<string>();
  let at = point;
  while (at.parent !== null) {
    const parent = byId.get(at.parent);
    if (parent === undefined || seen.has(parent.id)) return null;
    seen.add(parent.id);
    at = parent;
  }
  return at;
}
