/** The disks of a repository, put together from their points: what the first screen shows. */
import type { ListedPoint } from '../../jobs/points.ts';
import type { DiskName } from './state.ts';

/** A disk as the first screen shows it. */
export interface DiskRow extends DiskName {
  readonly newest: ListedPoint;
  readonly points: number;
  readonly bytesStored: number;
  readonly chainLength: number;
  /** When any of its points was last verified; null when none was. */
  readonly verified: string | null;
  readonly damaged: number;
  /** Bytes that its last points stored, the newest last. */
  readonly recent: readonly number[];
}

const recentShown = 24;

/** All disks, by name, of points of which the newest come first; `damaged`: those known to be. */
export function disksOfPoints(
  points: readonly ListedPoint[],
  damaged: ReadonlySet<string> = new Set(),
): readonly DiskRow[] {
  const byName = Map.groupBy(points, ({ machine, disk }) => `${machine}/${disk}`);
  return [...byName.values()].map((all) => diskRow(all, damaged)).sort(nameOrder);
}

function nameOrder(a: DiskName, b: DiskName): number {
  return a.machine.localeCompare(b.machine) || a.disk.localeCompare(b.disk);
}

/** `all`: the newest first. */
function diskRow(all: readonly ListedPoint[], damaged: ReadonlySet<string>): DiskRow {
  const newest = all[0] as ListedPoint;
  let verified: string | null = null;
  let bytesStored = 0;
  let bad = 0;
  for (const point of all) {
    bytesStored += point.bytesStored;
    if (point.verified !== null && (verified === null || point.verified > verified)) verified = point.verified;
    if (damaged.has(point.id)) bad++;
  }
  const { machine, disk, chainLength } = newest;
  const recent = all
    .slice(0, recentShown)
    .map((point) => point.bytesStored)
    .reverse();
  return { machine, disk, newest, points: all.length, bytesStored, chainLength, verified, damaged: bad, recent };
}
