import { fromNative, isStrataError } from '../errors.ts';
import { native } from '../native.ts';
import { chainOf, type PointChain } from '../repository/chain.ts';
import { contentReader } from '../repository/content.ts';
import type { Emit } from '../repository/events.ts';
import { type DiskLayout, readLayout } from '../repository/layout/layout.ts';
import { type Manifest, manifestName } from '../repository/manifest.ts';
import type { Repository } from '../repository/repository.ts';
import { selectPoint } from '../repository/select.ts';
import { type RepositoryAccess, withRepository } from './access.ts';

/** A point of the chain, the newest first. */
export interface ChainLink {
  readonly id: string;
  readonly kind: Manifest['kind'];
  readonly time: string;
  readonly bytesStored: number;
}

/** What the whole point, its chain merged, refers to. */
export interface PointStatistics {
  readonly dataBytes: number;
  readonly zeroBytes: number;
  readonly storedBytes: number;
  readonly packs: number;
}

export type ShownPoint = Manifest & {
  readonly protected: boolean;
  readonly verified: string | null;
  /** Until when nobody can remove its manifest; ISO 8601 UTC, null: it is not locked. */
  readonly lockedUntil: string | null;
  readonly chain: readonly ChainLink[];
  readonly statistics: PointStatistics;
  /** Partitions and file systems found; null when what they are read from is damaged. */
  readonly layout: DiskLayout | null;
};

/** All of one point; `emit` hears of warnings. */
export function showJob(access: RepositoryAccess, spec: string, emit: Emit): Promise<ShownPoint> {
  return withRepository(access, async (repo) => {
    const point = await selectPoint(repo, spec, emit);
    const { manifest } = point;
    const chain = await chainOf(repo, manifest);
    const { manifests, layers } = chain;
    const { blockSize, size } = manifest;
    const statistics = await native
      .statistics({ vault: repo.vault, chain: layers, blockSize })
      .catch((error: unknown) => Promise.reject(fromNative(error, repo.location)));
    return {
      ...manifest,
      protected: point.protected,
      verified: point.verified,
      lockedUntil: (await repo.store.locks?.until(manifestName(point.id)))?.toISOString() ?? null,
      chain: manifests.map(({ id, kind, time, stats }) => ({ id, kind, time, bytesStored: stats.bytesStored })),
      statistics: {
        dataBytes: Math.min(size, statistics.dataBlocks * blockSize),
        zeroBytes: Math.max(0, size - statistics.dataBlocks * blockSize),
        storedBytes: statistics.storedBytes,
        packs: statistics.packs.length,
      },
      layout: await layoutOf(repo, manifest, chain, emit),
    };
  });
}

async function layoutOf(
  repo: Repository,
  manifest: Manifest,
  { layers }: PointChain,
  emit: Emit,
): Promise<DiskLayout | null> {
  try {
    return await readLayout(contentReader(repo, manifest, layers), manifest.size);
  } catch (error) {
    // What else there is to show of a point with damage is worth the more.
    if (!isStrataError(error)) throw error;
    emit({ event: 'warning', code: 'LAYOUT_UNKNOWN', message: `its partitions cannot be told: ${error.message}` });
    return null;
  }
}
