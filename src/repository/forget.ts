/**
 * Forgetting points. A forgotten point is gone from lists and cannot be selected; its manifest and map stay, for
 * others may stand on it. Space is freed by collection, not here.
 */
import { fail } from '../errors.ts';
import type { StrataEvent } from './events.ts';
import { readMarks, writeMark } from './marks.ts';
import { listPoints, type Point } from './points.ts';
import type { Repository } from './repository.ts';
import { selectPoint } from './select.ts';

export interface ForgetResult {
  readonly dryRun: boolean;
  /** Ids of the points that are gone from lists. */
  readonly forgotten: readonly string[];
  /** Ids among them on which points that stay depend: they stay readable for those. */
  readonly neededByOthers: readonly string[];
  /** Always 0: forgetting frees nothing, collection does. */
  readonly bytesFreed: number;
}

/** Drops points; protected ones and the last verified one of a disk are refused, and then none is dropped. */
export async function forgetPoints(
  repo: Repository,
  specs: readonly string[],
  options: { readonly dryRun?: boolean | undefined } = {},
): Promise<ForgetResult> {
  const dryRun = options.dryRun ?? false;
  const chosen = new Map<string, Point>();
  for (const spec of specs) {
    const point = await selectPoint(repo, spec, refuseDoubt);
    chosen.set(point.id, point);
  }
  const { points } = await listPoints(repo, { includeForgotten: true });
  const kept = points.filter(({ id, forgotten }) => !forgotten && !chosen.has(id));
  for (const point of chosen.values()) requireForgettable(point, kept);
  const forgotten = [...chosen.keys()];
  if (!dryRun) await markForgotten(repo, forgotten);
  const needed = ancestorsOf(kept, points);
  return { dryRun, forgotten, neededByOthers: forgotten.filter((id) => needed.has(id)), bytesFreed: 0 };
}

/** Takes points from the lists; one that was protected at the same time comes back: POINT_PROTECTED. */
export async function markForgotten(repo: Repository, ids: readonly string[]): Promise<void> {
  for (const id of ids) await writeMark(repo, id, 'forgotten', true);
  const { marks } = await readMarks(repo, { kind: 'protected' });
  const spared = ids.filter((id) => marks.get(id)?.protected?.value);
  for (const id of spared) await writeMark(repo, id, 'forgotten', false);
  if (spared[0] !== undefined) throw fail('POINT_PROTECTED', { point: spared[0] });
}

/** With a damaged manifest about, `@latest` may be another point than was meant: then only an id will do. */
export function refuseDoubt(event: StrataEvent): void {
  if (event.event === 'warning') throw fail('POINT_IN_DOUBT', { reason: event.message });
}

function requireForgettable(point: Point, kept: readonly Point[]): void {
  if (point.protected) throw fail('POINT_PROTECTED', { point: point.id });
  const sameDisk = (other: Point) => other.machine === point.machine && other.disk === point.disk;
  if (point.verified !== null && !kept.some((other) => sameDisk(other) && other.verified !== null)) {
    throw fail('POINT_LAST_VERIFIED', { point: point.id, disk: `${point.machine}/${point.disk}` });
  }
}

/** Ids of all points that the given ones stand on. */
export function ancestorsOf(points: readonly Point[], all: readonly Point[]): Set<string> {
  const parents = new Map(all.map(({ id, parent }) => [id, parent]));
  const ancestors = new Set<string>();
  for (const { parent } of points) {
    for (let id = parent; id !== null && !ancestors.has(id); id = parents.get(id) ?? null) ancestors.add(id);
  }
  return ancestors;
}
