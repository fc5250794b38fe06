/** The chain that a point stands on: its manifests and the maps that merge into its content. */
import { fail, isStrataError } from '../errors.ts';
import type { Chain, Layer } from '../native.ts';
import { columnName, type Manifest, type MapColumn } from './manifest.ts';
import { readManifest } from './points.ts';
import type { Repository } from './repository.ts';

export interface PointChain {
  /** Newest first. */
  readonly manifests: readonly Manifest[];
  readonly layers: Chain;
}

type Column = 'loc' | 'dig';

interface Link {
  readonly manifest: Manifest;
  readonly layer: Layer;
}

/** What was read of chains before, with the same columns, for who asks for many that share their points. */
export type KnownLinks = Map<string, Link>;

/**
 * The chain of a point, itself included; forgotten points count, since others stand on them. Throws CHAIN_BROKEN
 * when a manifest is lost, MAP_MISSING or MAP_DAMAGED when a column that is asked for is not there in its length.
 */
export async function chainOf(
  repo: Repository,
  manifest: Manifest,
  columns: readonly Column[] = ['loc', 'dig'],
  known: KnownLinks = new Map(),
): Promise<PointChain> {
  const linkOf = async (id: string, read: () => Promise<Manifest>): Promise<Link> => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const manifest = await read();
    const link = { manifest, layer: await layerOf(repo, manifest, columns) };
    known.set(id, link);
    return link;
  };
  const chain = [await linkOf(manifest.id, async () => manifest)];
  for (let parent = manifest.parent; parent !== null; ) {
    const id = parent;
    const link = await linkOf(id, () => readParent(repo, manifest, id));
    const reason = whyNotParent(link.manifest, manifest, chain);
    if (reason !== null) throw fail('CHAIN_BROKEN', { point: manifest.id, missing: id, reason });
    chain.push(link);
    parent = link.manifest.parent;
  }
  return { manifests: chain.map((link) => link.manifest), layers: chain.map((link) => link.layer) };
}

/** One point's own map, once its columns are known to be there. */
async function layerOf(repo: Repository, manifest: Manifest, columns: readonly Column[]): Promise<Layer> {
  for (const column of columns) {
    const name = columnName(manifest.id, column);
    const expected = manifest.map[column].bytes;
    const found = await repo.store.stat(name);
    const path = repo.store.localPath(name);
    if (found === null) throw fail('MAP_MISSING', { path });
    if (found.bytes !== expected) {
      throw fail('MAP_DAMAGED', { path, reason: `it has ${found.bytes} bytes instead of ${expected}` });
    }
  }
  const reference = (column: Column, { indexOffset, indexLength, indexDigest }: MapColumn) => ({
    path: repo.store.localPath(columnName(manifest.id, column)),
    indexOffset,
    indexLength,
    indexDigest,
  });
  const { loc, dig } = manifest.map;
  return { loc: reference('loc', loc), dig: reference('dig', dig), size: manifest.size };
}

async function readParent(repo: Repository, point: Manifest, parent: string): Promise<Manifest> {
  try {
    return await readManifest(repo, parent);
  } catch (error) {
    if (!isStrataError(error, 'POINT_NOT_FOUND', 'MANIFEST_DAMAGED')) throw error;
    const reason = error.code === 'POINT_NOT_FOUND' ? 'is missing' : 'is damaged';
    throw fail('CHAIN_BROKEN', { point: point.id, missing: parent, reason }, { cause: error });
  }
}

function whyNotParent(parent: Manifest, point: Manifest, seen: readonly Link[]): string | null {
  if (seen.some(({ manifest }) => manifest.id === parent.id)) return 'depends on it in turn';
  if (parent.blockSize !== point.blockSize)
    return `has blocks of ${parent.blockSize} bytes instead of ${point.blockSize}`;
  return null;
}
