/** The restore points of a repository, each put together from its manifest and its marks. */
import { type ErrorCode, fail, isStrataError, type StrataError } from '../errors.ts';
import { checkManifest, type Manifest, manifestName } from './manifest.ts';
import { type Marks, readMarks } from './marks.ts';
import { openRecord } from './record.ts';
import type { Repository } from './repository.ts';
import type { ObjectStore } from './stores/store.ts';

/** What lists show of a manifest. */
export interface PointFacts {
  readonly id: string;
  readonly machine: string;
  readonly disk: string;
  readonly time: string;
  readonly kind: Manifest['kind'];
  readonly parent: string | null;
  readonly chainLength: number;
  readonly size: number;
  readonly bytesStored: number;
  readonly type: string;
  readonly tags: readonly string[];
  readonly note: string;
  /** What it has in common with the other disks of its run; absent when it was the only one. */
  readonly group?: NonNullable<Manifest['group']>;
}

/** A restore point as lists show it. */
export interface ListedPoint extends PointFacts {
  readonly protected: boolean;
  /** When all of it was last found good; null when it never was, or damage was found since. */
  readonly verified: string | null;
  readonly forgotten: boolean;
}

/** A restore point. */
export interface Point extends ListedPoint {
  readonly manifest: Manifest;
}

/** How the content of a synthetic full was made; undefined of others. */
export type SynthesisMode = NonNullable<Manifest['synthesis']>['mode'] | undefined;

/** A point whose manifest, or a mark of one, cannot be used. */
export interface DamagedPoint {
  readonly name: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface PointFilter {
  readonly machine?: string | undefined;
  readonly disk?: string | undefined;
  readonly tag?: string | undefined;
  readonly type?: string | undefined;
  /** 0 or absent: all. */
  readonly limit?: number | undefined;
  readonly includeForgotten?: boolean | undefined;
  /** Only forgotten ones. */
  readonly forgotten?: boolean | undefined;
}

export interface PointList {
  /** Newest first. */
  readonly points: Point[];
  readonly damaged: DamagedPoint[];
}

/**
 * All restore points that pass the filter; manifests that cannot be used are named beside them. Every manifest is read: for who only shows a
 * list there is `listKnownPoints`.
 */
export async function listPoints(repo: Repository, filter: PointFilter = {}): Promise<PointList> {
  const [{ marks, damaged: damagedMarks }, ids] = await Promise.all([readMarks(repo), pointIds(repo.store)]);
  const damaged: DamagedPoint[] = [...damagedMarks];
  const stored = await repo.store.getListed(ids.map(manifestName));
  const manifests = await Promise.all(ids.map((id, index) => openListed(repo, id, stored[index] ?? null)));
  const found = ids.map((id, index) => {
    const manifest = manifests[index] ?? null;
    if (manifest === null) return null;
    if (!(manifest instanceof Error)) return pointOf(manifest, marks.get(id));
    // One that is forgotten is gone from lists, whatever became of its manifest.
    if (!marks.get(id)?.forgotten?.value) {
      damaged.push({ name: manifestName(id), code: manifest.code, message: manifest.message });
    }
    return null;
  });
  const points = found
    .filter((point): point is Point => point !== null && passes(point, filter))
    .sort((a, b) => newestFirst(a, a.manifest.synthesis?.mode, b, b.manifest.synthesis?.mode));
  return { points: points.slice(0, filter.limit || points.length), damaged };
}

/** The manifest in a record that was listed; null when it was removed since, which is as if it had been listed a moment later. */
export async function openListed(
  repo: Repository,
  id: string,
  record: Buffer | null | StrataError,
): Promise<Manifest | null | StrataError> {
  if (record === null || record instanceof Error) return record;
  try {
    const manifest = openManifest(repo, id, record);
    repo.remember(manifest);
    return manifest;
  } catch (error) {
    if (!isStrataError(error)) throw error;
    if (repo.store.folder !== null) return error;
    // It may be a copy that is damaged.
    return readManifest(repo, id).catch((again: unknown) => {
      if (isStrataError(again, 'POINT_NOT_FOUND')) return null;
      if (isStrataError(again)) return again;
      throw again;
    });
  }
}

/** One point by its whole id, forgotten or not. */
export async function readPoint(repo: Repository, id: string): Promise<Point> {
  const manifest = await readManifest(repo, id);
  return pointOf(manifest, (await readMarks(repo, { point: id })).marks.get(id));
}

/** The ids of all points, forgotten ones and damaged ones too. */
export async function pointIds(store: ObjectStore): Promise<string[]> {
  const ids: string[] = [];
  for await (const name of store.names('points/')) {
    const [, id] = /^points\/([0-9a-f]{24})$/.exec(name) ?? [];
    if (id !== undefined) ids.push(id);
  }
  return ids;
}

/** The manifest of a point: POINT_NOT_FOUND, or MANIFEST_DAMAGED when it is not whole. */
export async function readManifest(repo: Repository, id: string): Promise<Manifest> {
  const [record] = await repo.store.getAll([manifestName(id)]);
  if (!record) throw fail('POINT_NOT_FOUND', { spec: id });
  if (record instanceof Error) throw record;
  return openManifest(repo, id, record);
}

function openManifest(repo: Repository, id: string, record: Buffer): Manifest {
  const name = manifestName(id);
  try {
    return checkManifest(id, openRecord(repo.vault, name, record));
  } catch (error) {
    if (isStrataError(error, 'FRAME_DAMAGED')) {
      throw fail('MANIFEST_DAMAGED', { name, reason: String(error.params.reason) }, { cause: error });
    }
    throw error;
  }
}

function pointOf(manifest: Manifest, marks: Marks | undefined): Point {
  return { ...listedPoint(factsOf(manifest), marks), manifest };
}

/** What lists show of a manifest. */
export function factsOf(manifest: Manifest): PointFacts {
  return {
    id: manifest.id,
    machine: manifest.machine,
    disk: manifest.disk,
    time: manifest.time,
    kind: manifest.kind,
    parent: manifest.parent,
    chainLength: manifest.chainLength,
    size: manifest.size,
    bytesStored: manifest.stats.bytesStored,
    type: manifest.type,
    tags: manifest.tags,
    note: manifest.note,
    ...(manifest.group === undefined ? {} : { group: manifest.group }),
  };
}

export function listedPoint(facts: PointFacts, marks: Marks = {}): ListedPoint {
  return {
    ...facts,
    protected: marks.protected?.value ?? false,
    verified: marks.verified?.value ? marks.verified.time : null,
    forgotten: marks.forgotten?.value ?? false,
  };
}

/** Whether a filter lets a point through. */
export function passes(point: ListedPoint, filter: PointFilter): boolean {
  return (
    (filter.includeForgotten === true || point.forgotten === (filter.forgotten === true)) &&
    (filter.machine === undefined || filter.machine === point.machine) &&
    (filter.disk === undefined || filter.disk === point.disk) &&
    (filter.type === undefined || filter.type === point.type) &&
    (filter.tag === undefined || point.tags.includes(filter.tag))
  );
}

/** The order of lists: below 0 when `a` comes first. */
export function newestFirst(a: PointFacts, modeOfA: SynthesisMode, b: PointFacts, modeOfB: SynthesisMode): number {
  if (a.time !== b.time) return a.time < b.time ? 1 : -1;
  // Of two at the same instant a synthetic full stands for the point that it equals, and best if it stands alone; else the
  // one that stands on the other is the newer.
  const order = rankOf(modeOfB) - rankOf(modeOfA);
  if (order !== 0) return order;
  return b.chainLength - a.chainLength || (a.id < b.id ? -1 : 1);
}

function rankOf(mode: SynthesisMode): number {
  if (mode === undefined) return 0;
  return mode === 'reference' ? 1 : 2;
}
