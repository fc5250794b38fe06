/** The chain that a point stands on: its manifests and the maps that merge into its content. */
import { fail, isStrataError } from '../errors.ts';
import type { Chain, Layer } from '../native/maps.ts';
import { concurrently } from './concurrently.ts';
import { columnName, type Manifest, type MovedColumns } from './manifest.ts';
import { readMarks } from './marks.ts';
import { readManifest } from './points.ts';
import type { Repository } from './repository.ts';

export interface PointChain {
  /** Newest first. */
  readonly manifests: readonly Manifest[];
  readonly layers: Chain;
}

export type Column = 'loc' | 'dig';

/** Maps that are looked for, or brought from afar, at once. */
const columnsAtOnce = 16;

interface Link {
  readonly manifest: Manifest;
  readonly layer: Layer;
}

/** What was read of chains before, with the same columns, for who asks for many that share their points. */
export class KnownLinks {
  readonly links = new Map<string, Link>();
  #moved: Promise<ReadonlyMap<string, MovedColumns>> | undefined;

  /** The columns that lie elsewhere than their manifests say, by point. */
  moved(repo: Repository): Promise<ReadonlyMap<string, MovedColumns>> {
    this.#moved ??= readMoved(repo);
    return this.#moved;
  }
}

/**
 * The chain of a point, itself included; forgotten points count, since others stand on them. Throws CHAIN_BROKEN
 * when a manifest is lost, MAP_MISSING or MAP_DAMAGED when a column that is asked for is not there in its length.
 */
export async function chainOf(
  repo: Repository,
  manifest: Manifest,
  columns: readonly Column[] = ['loc', 'dig'],
  known: KnownLinks = new KnownLinks(),
): Promise<PointChain> {
  const manifests = [manifest];
  for (let parent = manifest.parent; parent !== null; ) {
    const found = known.links.get(parent)?.manifest ?? (await readParent(repo, manifest, parent));
    const reason = whyNotParent(found, manifest, manifests);
    if (reason !== null) throw fail('CHAIN_BROKEN', { point: manifest.id, missing: parent, reason });
    manifests.push(found);
    parent = found.parent;
  }
  const moved = await known.moved(repo);
  const layers = await concurrently(manifests, columnsAtOnce, async (link) => {
    const found = known.links.get(link.id);
    if (found !== undefined) return found.layer;
    const layer = await layerOf(repo, link, moved.get(link.id), columns);
    known.links.set(link.id, { manifest: link, layer });
    return layer;
  });
  return { manifests, layers };
}

/** One point's own map, once its columns are known to be there: else MAP_MISSING or MAP_DAMAGED. */
export async function layerOf(
  repo: Repository,
  manifest: Manifest,
  moved: MovedColumns | undefined,
  columns: readonly Column[],
): Promise<Layer> {
  const placed = (column: Column) => ({
    name: columnName(manifest.id, column),
    ...manifest.map[column],
    ...moved?.[column],
  });
  const places = { loc: placed('loc'), dig: placed('dig') };
  const sizes = await repo.store.bring(columns.map((column) => places[column]));
  for (const [index, column] of columns.entries()) {
    const { name, bytes } = places[column];
    const found = sizes[index] ?? null;
    const path = repo.store.localPath(name);
    if (found === null) throw fail('MAP_MISSING', { path });
    if (found !== bytes) throw fail('MAP_DAMAGED', { path, reason: `it has ${found} bytes instead of ${bytes}` });
  }
  const reference = ({ name, indexOffset, indexLength, indexDigest }: (typeof places)[Column]) => ({
    path: repo.store.localPath(name),
    indexOffset,
    indexLength,
    indexDigest,
  });
  return { loc: reference(places.loc), dig: reference(places.dig), size: manifest.size };
}

async function readMoved(repo: Repository): Promise<ReadonlyMap<string, MovedColumns>> {
  const { marks } = await readMarks(repo, { kind: 'moved' });
  const moved = new Map<string, MovedColumns>();
  for (const [id, { moved: mark }] of marks) if (mark?.columns) moved.set(id, mark.columns);
  return moved;
}

/** The manifest that a point stands on; CHAIN_BROKEN, in the name of `point`, when it is lost. */
export async function readParent(repo: Repository, point: Manifest, parent: string): Promise<Manifest> {
  try {
    return repo.recent(parent) ?? (await readManifest(repo, parent));
  } catch (error) {
    if (!isStrataError(error, 'POINT_NOT_FOUND', 'MANIFEST_DAMAGED')) throw error;
    const reason = error.code === 'POINT_NOT_FOUND' ? 'is missing' : 'is damaged';
    throw fail('CHAIN_BROKEN', { point: point.id, missing: parent, reason }, { cause: error });
  }
}

function whyNotParent(parent: Manifest, point: Manifest, seen: readonly Manifest[]): string | null {
  if (seen.some(({ id }) => id === parent.id)) return 'depends on it in turn';
  return whyNotBelow(parent, point);
}

/** Why the maps of two points cannot be merged; null when they can. */
export function whyNotBelow(parent: Manifest, point: Manifest): string | null {
  if (parent.blockSize === point.blockSize) return null;
  return `has blocks of ${parent.blockSize} bytes instead of ${point.blockSize}`;
}
