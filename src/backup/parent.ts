/** The point that an incremental stands on: the newest of its disk, when its chain can be used. */
import { fail, fromNative, isStrataError } from '../errors.ts';
import type { Chain, PackRef } from '../native/maps.ts';
import { native } from '../native.ts';
import { chainOf } from '../repository/chain.ts';
import { concurrently } from '../repository/concurrently.ts';
import type { Warning } from '../repository/events.ts';
import { firstReadable, listKnownPoints } from '../repository/known-points.ts';
import type { Manifest } from '../repository/manifest.ts';
import type { Repository } from '../repository/repository.ts';
import { watch } from '../repository/watch.ts';

export interface Parent {
  /** Null for a full. */
  readonly manifest: Manifest | null;
  /** Empty for a full. */
  readonly layers: Chain;
  /** Packs that its content lies in and that are lost: what lies there is stored again. */
  readonly missingPacks: readonly string[];
}

/** No parent: a full. */
export const noParent: Parent = { manifest: null, layers: [], missingPacks: [] };

/** Errors that make a chain useless to compare with, but do not stop a full. */
export const chainErrors = ['CHAIN_BROKEN', 'MAP_MISSING', 'MAP_DAMAGED', 'MANIFEST_DAMAGED'] as const;

/** The parent for the next point of a disk. What is wrong with it goes to `warn`. */
export async function findParent(
  repo: Repository,
  { machine, disk }: { readonly machine: string; readonly disk: string },
  packs: ReadonlyMap<string, PackRef>,
  warn: (warning: Warning) => void,
): Promise<Parent> {
  const manifest = await newestOf(repo, { machine, disk }, warn);
  if (manifest === null || manifest.blockSize !== repo.config.blockSize) return noParent;
  try {
    const { layers } = await chainOf(repo, manifest);
    const missingPacks = await findMissing(repo, layers, packs);
    for (const id of missingPacks)
      warn({ code: 'PACK_MISSING', message: `pack ${id} is missing: what it held is stored again` });
    return { manifest, layers, missingPacks };
  } catch (error) {
    if (!isStrataError(error, ...chainErrors)) throw error;
    warn(unusable(manifest, error));
    return noParent;
  }
}

/** The newest point of a disk that can be read; null when there is none. */
export async function newestOf(
  repo: Repository,
  { machine, disk }: { readonly machine: string; readonly disk: string },
  warn: (warning: Warning) => void,
): Promise<Manifest | null> {
  const { points, damaged } = await listKnownPoints(repo, { machine, disk });
  const warnOf = (message: string) => warn({ code: 'MANIFEST_DAMAGED', message });
  for (const { message } of damaged) warnOf(message);
  return (await firstReadable(repo, points, warnOf))?.manifest ?? null;
}

/**
 * The same parent, or none when its maps cannot be read through to their ends. For a stream, which cannot be read
 * again from its beginning once the damage is met.
 */
export async function provenParent(
  repo: Repository,
  parent: Parent,
  warn: (warning: Warning) => void,
  signal: AbortSignal,
): Promise<Parent> {
  const { manifest, layers } = parent;
  if (manifest === null) return parent;
  const { size, blockSize } = manifest;
  const { packs } = repo.store;
  try {
    const sample = { samplePercent: 0, seed: 0, threads: 0, suspects: [] };
    const run = native.startVerify({ vault: repo.vault, chain: layers, packs, size, blockSize, ...sample });
    const { damage } = await watch(run, signal, () => undefined);
    if (damage[0] === undefined) return parent;
    throw fail('MAP_DAMAGED', { path: 'of the parent', reason: damage[0].message });
  } catch (error) {
    const failure = fromNative(error, 'the block maps of the parent');
    if (!isStrataError(failure, ...chainErrors)) throw failure;
    warn(unusable(manifest, failure));
    return noParent;
  }
}

/** Why a point cannot be a parent. */
export function unusable(parent: Manifest, error: Error): Warning {
  return { code: 'PARENT_UNUSABLE', message: `made a full, for point ${parent.id} cannot be used: ${error.message}` };
}

async function findMissing(
  repo: Repository,
  layers: Chain,
  packs: ReadonlyMap<string, PackRef>,
): Promise<readonly string[]> {
  const { vault, config } = repo;
  try {
    const named = await concurrently(layers, 8, ({ loc }) => native.packsOf(vault, loc));
    if (named.flat().every((id) => packs.has(id))) return [];
    // A pack that only hidden blocks lie in may be gone by right: the merged content decides.
    const { packs: needed } = await native.statistics({ vault, chain: layers, blockSize: config.blockSize });
    return needed.filter((id) => !packs.has(id));
  } catch (error) {
    throw fromNative(error, 'the block maps of the parent');
  }
}
