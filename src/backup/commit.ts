/** The end of a backup: the map gets its names, then the manifest makes the point exist. */
import { hostname } from 'node:os';
import type { BackupOutcome } from '../native/backup.ts';
import type { WrittenColumn } from '../native/maps.ts';
import { commitManifest } from '../repository/commit.ts';
import type { Warning } from '../repository/events.ts';
import type { Lease } from '../repository/lease.ts';
import { columnName, type Manifest } from '../repository/manifest.ts';
import type { Repository } from '../repository/repository.ts';
import { software } from '../repository/software.ts';
import type { DiskAllocation } from './allocation/disk.ts';
import type { Parent } from './parent.ts';
import type { BackupOrder } from './request.ts';
import type { Consistency } from './snapshots/provider.ts';
import type { Source } from './source.ts';
import type { Tracking } from './trackers/track.ts';

export interface Finished {
  readonly order: BackupOrder;
  readonly source: Source;
  readonly snapshot: string;
  readonly consistency: Consistency;
  readonly tracking: Tracking;
  readonly parent: Parent;
  /** null: the file systems were not asked. */
  readonly allocation: DiskAllocation | null;
  readonly outcome: BackupOutcome;
  readonly time: string;
  readonly group: Manifest['group'] | null;
  readonly seconds: number;
  readonly warnings: readonly Warning[];
}

/** Commits a run whose packs are stored, unless its lease was lost. */
export async function commitPoint(repo: Repository, lease: Lease, finished: Finished): Promise<Manifest> {
  const { loc, dig } = finished.outcome;
  await repo.store.adopt(columnName(lease.id, 'loc'), loc.path);
  await repo.store.adopt(columnName(lease.id, 'dig'), dig.path);
  return commitManifest(repo, lease, manifestOf(repo, lease.id, finished));
}

function manifestOf(repo: Repository, id: string, finished: Finished): Manifest {
  const { order, source, parent, allocation, tracking, outcome } = finished;
  const { bytesUnallocated: unallocated, bytesUnchanged: unchanged } = outcome;
  return {
    format: 1,
    id,
    machine: order.machine,
    disk: order.disk,
    time: finished.time,
    kind: parent.manifest === null ? 'full' : 'incremental',
    parent: parent.manifest?.id ?? null,
    chainLength: (parent.manifest?.chainLength ?? 0) + 1,
    size: outcome.size,
    blockSize: repo.config.blockSize,
    root: outcome.root,
    map: {
      loc: columnOf(outcome.loc),
      dig: columnOf(outcome.dig),
      dataBlocks: outcome.mapDataBlocks,
      zeroBlocks: outcome.mapZeroBlocks,
    },
    type: order.type,
    tags: [...order.tags],
    note: order.note,
    // A block device that is far away: format 1 has no other word.
    source: { path: source.path, kind: source.kind === 'nbd' ? 'device' : source.kind },
    snapshot: finished.snapshot,
    tracker: tracking.tracker,
    consistency: finished.consistency,
    ...(tracking.recorded === null ? {} : { tracking: { ...tracking.recorded, auditedBlocks: outcome.auditedBlocks } }),
    ...(allocation === null ? {} : { allocation: allocation.volumes.map((volume) => ({ ...volume })) }),
    ...(finished.group === null ? {} : { group: finished.group }),
    ...(unallocated + unchanged === 0 ? {} : { skipped: { unallocated, unchanged } }),
    unreadable: outcome.unreadable.map(([offset, length]) => [offset, length]),
    warnings: [...finished.warnings],
    stats: {
      bytesRead: outcome.bytesRead,
      bytesNew: outcome.bytesNew,
      bytesStored: outcome.bytesStored,
      blocks: { changed: outcome.changedBlocks, zero: outcome.zeroBlocks, deduplicated: outcome.deduplicatedBlocks },
      seconds: finished.seconds,
    },
    host: hostname(),
    software,
  };
}

function columnOf({ bytes, indexOffset, indexLength, indexDigest }: WrittenColumn): Manifest['map']['loc'] {
  return { bytes, indexOffset, indexLength, indexDigest };
}
