/** Everything that a restore needs is looked for before anything is destroyed. */
import { fail, fromNative } from '../errors.ts';
import type { ChainStatistics } from '../native/maps.ts';
import type { VerifyOutcome } from '../native/restore.ts';
import { native } from '../native.ts';
import { chainOf, type PointChain } from './chain.ts';
import type { Manifest } from './manifest.ts';
import { arePacksWhole, packName } from './packs.ts';
import type { Repository } from './repository.ts';
import { watch } from './watch.ts';

export interface Readable {
  readonly chain: PointChain;
  readonly statistics: ChainStatistics;
}

/**
 * Makes sure that a point's chain is whole, its maps can be read, and every pack that its content lies in is there
 * and not cut short. Comparing a target needs the digests too.
 */
export async function requireReadable(
  repo: Repository,
  manifest: Manifest,
  compare: boolean,
  signal: AbortSignal,
): Promise<Readable> {
  const chain = await chainOf(repo, manifest, compare ? ['loc', 'dig'] : ['loc']);
  const statistics = await statisticsOf(repo, manifest, chain);
  // A pack with a damaged end may still hold all that is needed: only reading everything tells.
  if (!(await arePacksWhole(repo, statistics.packs))) await requireSound(repo, manifest, chain, signal);
  return { chain, statistics };
}

async function statisticsOf(
  repo: Repository,
  { id, blockSize }: Manifest,
  { layers }: PointChain,
): Promise<ChainStatistics> {
  try {
    return await native.statistics({ vault: repo.vault, chain: layers, blockSize });
  } catch (error) {
    throw fromNative(error, `the block maps of point ${id}`);
  }
}

async function requireSound(
  repo: Repository,
  manifest: Manifest,
  { layers }: PointChain,
  signal: AbortSignal,
): Promise<void> {
  const { damage, cancelled } = await readAll(repo, manifest, layers, signal);
  if (cancelled) throw fail('INTERRUPTED', { action: 'the check before the restore' });
  const needed = damage.find(({ length }) => length > 0);
  if (needed === undefined) return;
  const path = `${repo.location}/${packName(needed.pack)}`;
  throw fail('PACK_READ', { path, reason: `${needed.message} (disk range ${needed.offset}+${needed.length})` });
}

async function readAll(
  repo: Repository,
  { id, size, blockSize }: Manifest,
  chain: PointChain['layers'],
  signal: AbortSignal,
): Promise<VerifyOutcome> {
  const { packs } = repo.store;
  const sample = { samplePercent: 100, seed: 0, threads: 0, suspects: [] };
  try {
    const run = native.startVerify({ vault: repo.vault, chain, packs, size, blockSize, ...sample });
    return await watch(run, signal, () => undefined);
  } catch (error) {
    throw fromNative(error, `point ${id}`);
  }
}
