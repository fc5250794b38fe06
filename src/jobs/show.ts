import { fromNative } from '../errors.ts';
import { native } from '../native.ts';
import { chainOf } from '../repository/chain.ts';
import type { Emit } from '../repository/events.ts';
import type { Manifest } from '../repository/manifest.ts';
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
  readonly chain: readonly ChainLink[];
  readonly statistics: PointStatistics;
};

/** All of one point; `emit` hears of warnings. */
export function showJob(access: RepositoryAccess, spec: string, emit: Emit): Promise<ShownPoint> {
  return withRepository(access, async (repo) => {
    const point = await selectPoint(repo, spec, emit);
    const { manifest } = point;
    const { manifests, layers } = await chainOf(repo, manifest);
    const { blockSize, size } = manifest;
    const statistics = await native
      .statistics({ vault: repo.vault, chain: layers, blockSize })
      .catch((error: unknown) => Promise.reject(fromNative(error, repo.location)));
    return {
      ...manifest,
      protected: point.protected,
      verified: point.verified,
      chain: manifests.map(({ id, kind, time, stats }) => ({ id, kind, time, bytesStored: stats.bytesStored })),
      statistics: {
        dataBytes: Math.min(size, statistics.dataBlocks * blockSize),
        zeroBytes: Math.max(0, size - statistics.dataBlocks * blockSize),
        storedBytes: statistics.storedBytes,
        packs: statistics.packs.length,
      },
    };
  });
}
