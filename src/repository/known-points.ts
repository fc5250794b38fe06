/**
 * The list of points for who shows it, or looks for one to read it then: what lists show of points that this machine listed before is taken
 * from what was kept. A manifest that was damaged since is thus not noticed here; whoever reads the point meets it, and `verify` reads all.
 */
import { isStrataError } from '../errors.ts';
import { type KnownPoint, keepKnownList, readKnownList } from './known-list.ts';
import { manifestName } from './manifest.ts';
import { type Mark, readMarks } from './marks.ts';
import {
  type DamagedPoint,
  factsOf,
  type ListedPoint,
  listedPoint,
  newestFirst,
  openListed,
  type Point,
  type PointFilter,
  passes,
  pointIds,
  readManifest,
} from './points.ts';
import type { Repository } from './repository.ts';

export interface KnownPoints {
  /** Newest first. */
  readonly points: readonly ListedPoint[];
  readonly damaged: readonly DamagedPoint[];
}

/** In a folder a list is kept anew when this part of it was read anew: reading some is cheaper than writing all. */
const worthKeeping = 1 / 64;

/** All restore points that pass the filter, and are there now; `listing`: their ids, when they were asked for already. */
export async function listKnownPoints(
  repo: Repository,
  filter: PointFilter = {},
  listing: Promise<readonly string[]> = pointIds(repo.store),
): Promise<KnownPoints> {
  listing.catch(() => undefined); // it is waited for below
  const known = await readKnownList(repo);
  const seen = new Map<string, Mark>();
  const marksRead = readMarks(repo, { known: known.marks, seen });
  const [{ marks, damaged: damagedMarks }, ids] = await Promise.all([marksRead, listing]);
  const damaged: DamagedPoint[] = [...damagedMarks];
  const unknown = new Set(ids);
  const points = known.points.filter(({ facts }) => unknown.delete(facts.id));
  const gone = known.points.length - points.length;
  for (const found of await readPoints(repo, [...unknown], ids)) {
    if ('facts' in found) points.push(found);
    // One that is forgotten is gone from lists, whatever became of its manifest.
    else if (!marks.get(found.id)?.forgotten?.value) damaged.push(found.damage);
  }
  const read = points.length + gone - known.points.length;
  if (read > 0) points.sort((a, b) => newestFirst(a.facts, a.mode, b.facts, b.mode));
  const news = gone + read + differenceOf(known.marks, seen);
  if (news > (repo.store.folder === null ? 0 : points.length * worthKeeping)) {
    await keepKnownList(repo, { points, marks: seen });
  }
  const listed = points
    .map(({ facts }) => listedPoint(facts, marks.get(facts.id)))
    .filter((point) => passes(point, filter));
  return { points: listed.slice(0, filter.limit || listed.length), damaged };
}

/** The first of these points that can be read now; `damaged` hears of manifests before it that are not whole any more. */
export async function firstReadable(
  repo: Repository,
  points: readonly ListedPoint[],
  damaged: (message: string) => void,
): Promise<Point | null> {
  for (const point of points) {
    try {
      // Read just now, if it was not known.
      return { ...point, manifest: repo.recent(point.id) ?? (await readManifest(repo, point.id)) };
    } catch (error) {
      if (isStrataError(error, 'MANIFEST_DAMAGED')) damaged(error.message);
      // Removed since it was listed.
      else if (!isStrataError(error, 'POINT_NOT_FOUND')) throw error;
    }
  }
  return null;
}

type Found = KnownPoint | { readonly id: string; readonly damage: DamagedPoint };

/** What is read of points, `ids`, of all that there are; those that were removed meanwhile are left out. */
async function readPoints(repo: Repository, ids: readonly string[], all: readonly string[]): Promise<Found[]> {
  if (ids.length === 0) return [];
  const stored = await repo.store.getListed(ids.map(manifestName), all.map(manifestName));
  const found = await Promise.all(
    ids.map(async (id, index): Promise<Found | null> => {
      const manifest = await openListed(repo, id, stored[index] ?? null);
      if (manifest === null) return null;
      if (!(manifest instanceof Error)) return { facts: factsOf(manifest), mode: manifest.synthesis?.mode };
      return { id, damage: { name: manifestName(id), code: manifest.code, message: manifest.message } };
    }),
  );
  return found.filter((point) => point !== null);
}

/** Names that only one of them has. */
function differenceOf(before: ReadonlyMap<string, Mark>, now: ReadonlyMap<string, Mark>): number {
  const both = [...now.keys()].filter((name) => before.has(name)).length;
  return before.size + now.size - 2 * both;
}
