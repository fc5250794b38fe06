/**
 * The maps that hold what points need. Of each point its own map and those of the points below it, down to the next
 * that is asked for itself: what shows through from there on is in that one's part. So the parts together hold all that
 * the points show, and a chain of a thousand kept points is a thousand maps, not half a million.
 */
import { fail } from '../errors.ts';
import type { Chain, Layer } from '../native.ts';
import { type Column, KnownLinks, layerOf, readParent, whyNotBelow } from './chain.ts';
import { concurrently } from './concurrently.ts';
import type { Manifest } from './manifest.ts';
import type { Point } from './points.ts';
import type { Repository } from './repository.ts';

/**
 * A chain for each of `points`, in their order; `all` are the points of the repository, forgotten ones too. Throws
 * CHAIN_BROKEN, which names the point, when a manifest below one is lost, and MAP_MISSING or MAP_DAMAGED when a column
 * that is asked for is not there in its length: who frees space must stop then.
 */
export async function liveChains(
  repo: Repository,
  points: readonly Point[],
  all: readonly Point[],
  columns: readonly Column[] = ['loc', 'dig'],
): Promise<Chain[]> {
  const known = new Map(all.map(({ id, manifest }) => [id, manifest]));
  const covered = new Set(points.map(({ id }) => id));
  const moved = await new KnownLinks().moved(repo);
  const layers = new Map<string, Promise<Layer>>();
  const layer = (manifest: Manifest): Promise<Layer> => {
    const found = layers.get(manifest.id) ?? layerOf(repo, manifest, moved.get(manifest.id), columns);
    layers.set(manifest.id, found);
    return found;
  };
  return concurrently(points, 16, async ({ manifest }) => {
    const part: Layer[] = [];
    for (const link of await partOf(repo, manifest, known, covered)) part.push(await layer(link));
    return part;
  });
}

/** The manifests of a point's part, newest first. */
async function partOf(
  repo: Repository,
  point: Manifest,
  known: ReadonlyMap<string, Manifest>,
  covered: ReadonlySet<string>,
): Promise<readonly Manifest[]> {
  const part = new Map([[point.id, point]]);
  for (let { parent } = point; parent !== null; ) {
    const manifest = known.get(parent) ?? (await readParent(repo, point, parent));
    const reason = part.has(parent) ? 'depends on it in turn' : whyNotBelow(manifest, point);
    if (reason !== null) throw fail('CHAIN_BROKEN', { point: point.id, missing: parent, reason });
    if (covered.has(parent)) break;
    part.set(parent, manifest);
    parent = manifest.parent;
  }
  return [...part.values()];
}
