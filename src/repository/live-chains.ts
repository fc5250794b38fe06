/**
 * The maps that hold what points need. Of each point its own map and those of the points below it, down to the next
 * that is asked for itself: what shows through from there on is in that one's part. So the parts together hold all that
 * the points show, and a chain of a thousand kept points is a thousand maps, not half a million.
 */
import { fail, isStrataError, type StrataError } from '../errors.ts';
import type { Chain, Layer } from '../native/maps.ts';
import { type Column, KnownLinks, layerOf, readParent, whyNotBelow } from './chain.ts';
import { concurrently } from './concurrently.ts';
import type { Manifest } from './manifest.ts';
import type { Point } from './points.ts';
import type { Repository } from './repository.ts';

export interface LiveChains {
  /** Of each point that was asked for its part, in their order; null where it cannot be had whole. */
  readonly chains: readonly (Chain | null)[];
  /** Why not, of each of those: CHAIN_BROKEN (a manifest below it is lost), MAP_MISSING or MAP_DAMAGED. */
  readonly broken: readonly StrataError[];
}

export interface LiveChainsRequest {
  /** Whose parts are wanted. */
  readonly points: readonly Point[];
  /** Who is asked for besides, so that no part reaches below them. */
  readonly besides?: readonly Point[];
  /** The points of the repository, forgotten ones too. */
  readonly all: readonly Point[];
  readonly columns?: readonly Column[];
}

/** A chain for each of `points`, in their order. Throws when one is not whole: who frees space must stop then. */
export async function liveChains(repo: Repository, request: LiveChainsRequest): Promise<Chain[]> {
  const { chains, broken } = await findLiveChains(repo, request);
  if (broken[0] !== undefined) throw broken[0];
  return chains.filter((chain) => chain !== null);
}

/** The same for who goes on with those that are whole. */
export async function findLiveChains(
  repo: Repository,
  { points, besides = [], all, columns = ['loc', 'dig'] }: LiveChainsRequest,
): Promise<LiveChains> {
  const known = new Map(all.map(({ id, manifest }) => [id, manifest]));
  const covered = new Set([...points, ...besides].map(({ id }) => id));
  const moved = await new KnownLinks().moved(repo);
  const layers = new Map<string, Promise<Layer>>();
  const layer = (manifest: Manifest): Promise<Layer> => {
    const found = layers.get(manifest.id) ?? layerOf(repo, manifest, moved.get(manifest.id), columns);
    layers.set(manifest.id, found);
    return found;
  };
  const broken: StrataError[] = [];
  const chains = await concurrently(points, 16, async ({ manifest }) => {
    try {
      const part: Layer[] = [];
      for (const link of await partOf(repo, manifest, known, covered)) part.push(await layer(link));
      return part;
    } catch (error) {
      if (!isStrataError(error, 'CHAIN_BROKEN', 'MAP_MISSING', 'MAP_DAMAGED')) throw error;
      broken.push(error);
      return null;
    }
  });
  return { chains, broken };
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
