/** Everything that a restore needs is looked for before anything is destroyed. */
import { fromNative } from '../errors.ts';
import { type ChainStatistics, native } from '../native.ts';
import { chainOf, type PointChain } from '../repository/chain.ts';
import { concurrently } from '../repository/concurrently.ts';
import type { Manifest } from '../repository/manifest.ts';
import { requireWholePack } from '../repository/packs.ts';
import type { Repository } from '../repository/repository.ts';

export interface Readable {
  readonly chain: PointChain;
  readonly statistics: ChainStatistics;
}

/**
 * Makes sure that a point's chain is whole, its maps can be read, and every pack that its content lies in is there
 * and not cut short. Comparing a target needs the digests too.
 */
export async function requireReadable(repo: Repository, manifest: Manifest, compare: boolean): Promise<Readable> {
  const chain = await chainOf(repo, manifest, compare ? ['loc', 'dig'] : ['loc']);
  const statistics = await statisticsOf(repo, manifest, chain);
  await concurrently(statistics.packs, 8, (id) => requireWholePack(repo, id));
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
