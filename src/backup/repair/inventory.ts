/** What a repair looks at: the points that are kept, the maps that they stand on, and what of it is known to be damaged. */
import { isStrataError, type StrataError } from '../../errors.ts';
import type { BadPlace, Layer, PackRef, WrittenColumn } from '../../native/maps.ts';
import { readBadFrames } from '../../repository/bad-frames.ts';
import { type Column, chainOf, KnownLinks } from '../../repository/chain.ts';
import type { Manifest, MovedColumns } from '../../repository/manifest.ts';
import { type DamagedMark, type Marks, readMarks } from '../../repository/marks.ts';
import { listPacks } from '../../repository/packs.ts';
import { listPoints, type Point, pointIds, readManifest } from '../../repository/points.ts';
import type { Repository } from '../../repository/repository.ts';

/** A column made anew, which lies in the workshop until it is put in its place. */
export interface NewColumn {
  readonly written: WrittenColumn;
  readonly reason: string;
}

/** The map of one point by itself. */
export interface OwnMap {
  readonly manifest: Manifest;
  /** Where its columns lie now. */
  layer: Layer;
  /** What is wrong with a column and could not be mended; null: nothing. */
  readonly wrong: Record<Column, StrataError | null>;
  readonly anew: Map<Column, NewColumn>;
}

export type Maps = ReadonlyMap<string, OwnMap>;

export interface KeptPoint {
  readonly point: Point;
  /** The maps of its chain, newest first; none when it is broken. */
  readonly maps: readonly OwnMap[];
  /** Why the chain has no maps: a manifest below the point is lost. */
  readonly broken: StrataError | null;
}

export interface LostManifest {
  readonly id: string;
  readonly error: StrataError;
}

export interface Inventory {
  /** The ids of all points, forgotten ones too. */
  readonly pointIds: ReadonlySet<string>;
  /** Newest first. */
  readonly kept: readonly KeptPoint[];
  readonly lostManifests: readonly LostManifest[];
  /** All maps that kept points stand on, by point, each after the one below it. */
  readonly maps: Maps;
  readonly moved: ReadonlyMap<string, MovedColumns>;
  readonly marks: ReadonlyMap<string, Marks>;
  readonly damagedMarks: readonly DamagedMark[];
  readonly packs: ReadonlyMap<string, PackRef>;
  readonly bad: readonly BadPlace[];
  /** Records of damaged frames that cannot be read. */
  readonly unreadable: readonly string[];
}

/** Looks through a repository; reads neither maps nor packs. Throws what is no damage, such as FORMAT_NEWER. */
export async function takeInventory(repo: Repository): Promise<Inventory> {
  const { points, damaged } = await listPoints(repo);
  const { marks, damaged: damagedMarks } = await readMarks(repo);
  const lostManifests: LostManifest[] = [];
  for (const { name } of damaged) {
    if (!name.startsWith('points/')) continue;
    const lost = await lostManifest(repo, name.slice('points/'.length));
    if (lost !== null) lostManifests.push(lost);
  }
  const known = new KnownLinks();
  const maps = new Map<string, OwnMap>();
  const kept: KeptPoint[] = [];
  for (const point of points) kept.push(await keptPoint(repo, point, known, maps));
  // After the points: the packs of one that was just committed are there.
  const packs = await listPacks(repo);
  const { places: bad, unreadable } = await readBadFrames(repo);
  return {
    pointIds: new Set(await pointIds(repo.store)),
    kept,
    lostManifests,
    maps: new Map([...maps].sort(([, a], [, b]) => a.manifest.chainLength - b.manifest.chainLength)),
    moved: await known.moved(repo),
    marks,
    damagedMarks,
    packs,
    bad,
    unreadable,
  };
}

async function lostManifest(repo: Repository, id: string): Promise<LostManifest | null> {
  try {
    await readManifest(repo, id);
    return null;
  } catch (error) {
    if (isStrataError(error, 'POINT_NOT_FOUND')) return null;
    if (!isStrataError(error, 'MANIFEST_DAMAGED', 'IO')) throw error;
    return { id, error };
  }
}

async function keptPoint(
  repo: Repository,
  point: Point,
  known: KnownLinks,
  maps: Map<string, OwnMap>,
): Promise<KeptPoint> {
  try {
    const { manifests, layers } = await chainOf(repo, point.manifest, [], known);
    const own = manifests.flatMap((manifest, at) => {
      const layer = layers[at];
      return layer === undefined ? [] : [mapOf(maps, manifest, layer)];
    });
    return { point, maps: own, broken: null };
  } catch (error) {
    if (!isStrataError(error, 'CHAIN_BROKEN')) throw error;
    return { point, maps: [], broken: error };
  }
}

function mapOf(maps: Map<string, OwnMap>, manifest: Manifest, layer: Layer): OwnMap {
  const map = maps.get(manifest.id) ?? { manifest, layer, wrong: { loc: null, dig: null }, anew: new Map() };
  maps.set(manifest.id, map);
  return map;
}
