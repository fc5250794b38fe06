/**
 * The mark: what of a repository its points need, and what nobody needs.
 *
 * Kept points need all that they show; of forgotten points only what kept ones show through them. A forgotten point that
 * is not in the trash yet makes all that it shows *recent*: it goes into the trash together with the point, with the
 * point's time, even if it lies in the trash already for an older reason. So nothing is swept of a point that could be
 * read, and forgotten, since then.
 */
import { fail, fromNative } from '../../errors.ts';
import type { Chain, Layer, Liveness } from '../../native/maps.ts';
import { native } from '../../native.ts';
import { KnownLinks } from '../chain.ts';
import { concurrently } from '../concurrently.ts';
import type { Here } from '../here.ts';
import { leasesAtWork } from '../leases.ts';
import { findLiveChains, liveChains } from '../live-chains.ts';
import { type MovedColumns, manifestName } from '../manifest.ts';
import { listPackSizes, packName, runOfPack } from '../packs.ts';
import { listPoints, type Point, pointIds } from '../points.ts';
import type { Repository } from '../repository.ts';
import { readTrash, type TrashBag } from '../trash.ts';

/** Chains that are merged at once. */
const chainsAtOnce = 2;

export interface Survey {
  /** Leases that stood before the points were listed, but for the collection's own. */
  readonly atWork: ReadonlySet<string>;
  /** The ids of all points, as they were marked. */
  readonly pointIds: ReadonlySet<string>;
  /** The own maps of all points that are needed (kept ones, and forgotten ones that kept ones stand on), by point. */
  readonly layers: ReadonlyMap<string, Layer>;
  /** Where columns of them lie that were rewritten before. */
  readonly moved: ReadonlyMap<string, MovedColumns>;
  /** The size of each pack, by id. */
  readonly packs: ReadonlyMap<string, number>;
  /** Of each pack that is needed, about how many bytes are. */
  readonly liveBytes: ReadonlyMap<string, number>;
  /** Chains that show all that kept points need. */
  readonly chains: readonly Chain[];
  /** Size of each object that could be removed (manifests, marks, maps, packs), by name. */
  readonly dead: ReadonlyMap<string, number>;
  /** Those of them that belong to points that were forgotten since the last collection. */
  readonly recent: ReadonlySet<string>;
  readonly trash: readonly TrashBag[];
}

/** Looks through a repository. Throws rather than take anything for dead that a damaged manifest or map may need. */
export async function survey(repo: Repository, self: string, here: Here, signal: AbortSignal): Promise<Survey> {
  const trash = await readTrash(repo);
  // Objects before leases before points: what appears later is no candidate, and who ended since has committed.
  const packs = await listPackSizes(repo);
  const others = await listOthers(repo);
  const atWork = new Set(await leasesAtWork(repo, self, here));
  const ids = new Set(await pointIds(repo.store));
  const { points, damaged } = await listPoints(repo, { includeForgotten: true });
  if (damaged[0] !== undefined) throw fail('COLLECTION_UNSAFE', { reason: damaged[0].message });

  const kept = points.filter(({ forgotten }) => !forgotten);
  const chains = await liveChains(repo, { points: kept, all: points });
  const liveBytes = bytesOf(await mark(repo, chains, signal), packs);
  const layers = new Map(chains.flat().map((layer) => [pointOfMap(layer.loc.path), layer]));
  const isLive = liveness(repo, layers, atWork);
  const dead = new Map([...others].filter(([name]) => !isLive(name)));
  for (const [name, bytes] of await listBadFrames(repo)) if (!packs.has(packOfRecord(name))) dead.set(name, bytes);
  for (const [id, bytes] of packs) {
    if (!liveBytes.has(id) && !atWork.has(runOfPack(id))) dead.set(packName(id), bytes);
  }
  const recent = await recentOf(repo, { kept, points, trash, dead, packs }, signal);
  const moved = await new KnownLinks().moved(repo);
  return { atWork, pointIds: ids, layers, moved, packs, liveBytes, chains, dead, recent, trash };
}

/** The point whose map lies at a path. */
function pointOfMap(path: string): string {
  return /([0-9a-f]{24})\.(?:loc|dig)[^/]*$/.exec(path)?.[1] ?? '';
}

/** Whether a manifest, mark or map is needed, or belongs to a run that is at work. */
function liveness(
  repo: Repository,
  layers: ReadonlyMap<string, Layer>,
  atWork: ReadonlySet<string>,
): (name: string) => boolean {
  const maps = new Set([...layers.values()].flatMap(({ loc, dig }) => [loc.path, dig.path]));
  return (name) => {
    const [, folder, id = ''] = /^(points|marks|maps|progress)\/([0-9a-f]{24})/.exec(name) ?? [];
    const [, run = ''] = /^progress\/[0-9a-f]{24}\.([0-9a-f]{24})$/.exec(name) ?? [];
    if (atWork.has(id) || atWork.has(run)) return true;
    if (folder === 'progress') return false;
    return folder === 'maps' ? maps.has(repo.store.localPath(name)) : layers.has(id);
  };
}

/** Manifests, marks, maps and notes of progress, with their sizes. */
async function listOthers(repo: Repository): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const prefix of ['maps/', 'marks/', 'points/', 'progress/']) {
    for await (const { name, bytes } of repo.store.list(prefix)) {
      if (/^(?:points\/[0-9a-f]{24}|(?:marks|maps|progress)\/[0-9a-f]{24}\..+)$/.test(name)) found.set(name, bytes);
    }
  }
  return found;
}

/** Records of damaged frames, with their sizes; one is of use as long as its pack is there. */
async function listBadFrames(repo: Repository): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for await (const { name, bytes } of repo.store.list('bad/')) {
    if (/^bad\/[0-9a-f]{32}\.\d+$/.test(name)) found.set(name, bytes);
  }
  return found;
}

function packOfRecord(name: string): string {
  return name.slice('bad/'.length, name.indexOf('.'));
}

async function mark(repo: Repository, chains: readonly Chain[], signal: AbortSignal): Promise<Liveness> {
  const { packSize, blockSize } = repo.config;
  const liveness = native.openLiveness({ vault: repo.vault, packSize, blockSize });
  await concurrently(chains, chainsAtOnce, async (chain) => {
    if (signal.aborted) throw fail('INTERRUPTED', { action: 'the collection' });
    try {
      await native.markLive(liveness, chain);
    } catch (error) {
      throw fromNative(error, chain[0]?.loc.path ?? repo.location);
    }
  });
  return liveness;
}

function bytesOf(live: Liveness, packs: ReadonlyMap<string, number>): Map<string, number> {
  const ids = [...packs.keys()];
  const found = new Map<string, number>();
  for (const [i, bytes] of native.liveBytes(live, ids, Float64Array.from(packs.values())).entries()) {
    if (bytes > 0) found.set(ids[i] ?? '', bytes);
  }
  return found;
}

interface Marked {
  readonly kept: readonly Point[];
  readonly points: readonly Point[];
  readonly trash: readonly TrashBag[];
  readonly dead: ReadonlyMap<string, number>;
  readonly packs: ReadonlyMap<string, number>;
}

/** The dead objects that points show which are not in the trash yet. */
async function recentOf(
  repo: Repository,
  { kept, points, trash, dead, packs }: Marked,
  signal: AbortSignal,
): Promise<Set<string>> {
  const isNew = (point: Point) =>
    point.forgotten &&
    dead.has(manifestName(point.id)) &&
    !trash.some(({ names }) => names.has(manifestName(point.id)));
  const fresh = points.filter(isNew);
  // What cannot be read cannot be brought back either.
  const { chains: parts } = await findLiveChains(repo, { points: fresh, besides: kept, all: points });
  const chains = parts.filter((part) => part !== null);
  const shown = bytesOf(await mark(repo, chains, signal), packs);
  const paths = new Set(chains.flat().flatMap(({ loc, dig }) => [loc.path, dig.path]));
  const isRecent = (name: string) =>
    shown.has(name.slice('packs/xx/'.length)) ||
    paths.has(repo.store.localPath(name)) ||
    fresh.some(({ id }) => name === manifestName(id) || name.startsWith(`marks/${id}.`));
  return new Set([...dead.keys()].filter(isRecent));
}
