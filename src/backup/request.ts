/** What a backup is asked for, with everything filled in that was left open. */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { fail } from '../errors.ts';
import { diskName } from '../repository/manifest.ts';
import { type AllocationPolicy, allocationPolicies } from './allocation/survey.ts';
import { beginningBitmap } from './nbd/bitmap.ts';
import type { NbdUri } from './nbd/uri.ts';
import type { HookOrder } from './snapshots/hooks.ts';
import { storeAt } from './snapshots/network-store.ts';
import type { SnapshotSize } from './snapshots/provider.ts';
import { snapshotRecordsFolder } from './snapshots/records.ts';
import { defaultDiskName } from './source.ts';

export const pointTypes = ['manual', 'scheduled', 'snapshot', 'pre-deploy'] as const;

export type PointType = (typeof pointTypes)[number];

export interface BackupRequest {
  /** A block device, an image file, a named pipe, an export of an NBD server (nbd/uri.ts), or `-` for standard input. */
  readonly source: string;
  /** Default: the host's name. */
  readonly machine?: string | undefined;
  /** Default: the base name of the source. */
  readonly disk?: string | undefined;
  readonly full?: boolean | undefined;
  /** `auto` (default), `required`, `off`, or the name of a provider. */
  readonly snapshot?: string | undefined;
  /** `auto` (default), `off`, or the name of a tracker. */
  readonly tracker?: string | undefined;
  /** Whether to leave out what file systems do not use; default `auto`. */
  readonly allocation?: AllocationPolicy | undefined;
  readonly type?: PointType | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly note?: string | undefined;
  /** Bytes a second; 0 (default) = no limit. */
  readonly rateLimit?: number | undefined;
  /** zstd level, 1 (default) … 19. */
  readonly level?: number | undefined;
  /** Seconds; a run that takes them, or clearly will take more, is stopped. Default: none. */
  readonly maxDuration?: number | undefined;
  readonly dryRun?: boolean | undefined;
  /** Folder of the deduplication cache; default: under XDG_CACHE_HOME or ~/.cache. */
  readonly cacheFolder?: string | undefined;
  /** Folder for files that share the source's blocks; default: beside it. */
  readonly snapshotFolder?: string | undefined;
  /** An export of an NBD server that takes what is overwritten while `dm-snapshot` is read, as `nbd://HOST[:PORT]/EXPORT`. */
  readonly snapshotStore?: string | undefined;
  /** Room of a snapshot for what is written meanwhile; default 5 % of the source. */
  readonly snapshotSize?: SnapshotSize | undefined;
  /** Milliseconds that file systems may stand still; default 60 000. */
  readonly freezeLimit?: number | undefined;
  /** A JSON file that says what changed since the newest point, or `-`; see trackers/hints.ts. */
  readonly changedExtents?: string | undefined;
  /** Commands around the run and around the snapshot, each for sh. */
  readonly hooks?: HookOrder['commands'] | undefined;
  /** Milliseconds that each hook may take; default 60 000. */
  readonly hookLimit?: number | undefined;
  /** Folder of the records of snapshots; default: of the machine's state. */
  readonly snapshotRecords?: string | undefined;
  /** Milliseconds that an NBD server may be silent, and that a broken connection to it is tried anew; default 60 000. */
  readonly sourcePatience?: number | undefined;
}

/** A request with nothing left open. */
export interface BackupOrder {
  readonly source: string;
  readonly machine: string;
  readonly disk: string;
  readonly full: boolean;
  readonly snapshot: string;
  readonly tracker: string;
  /** The dirty bitmap that begins at the instant of this point; null unless that is the tracker. */
  readonly bitmap: string | null;
  readonly allocation: AllocationPolicy;
  readonly type: PointType;
  readonly tags: readonly string[];
  readonly note: string;
  readonly rateLimit: number;
  readonly level: number;
  /** Seconds. */
  readonly maxDuration: number | null;
  readonly dryRun: boolean;
  readonly cacheFolder: string | undefined;
  readonly snapshotFolder: string | null;
  readonly snapshotStore: NbdUri | null;
  readonly snapshotSize: SnapshotSize;
  readonly freezeLimit: number;
  readonly changedExtents: string | null;
  readonly hooks: HookOrder['commands'];
  readonly hookLimit: number;
  readonly snapshotRecords: string;
  readonly sourcePatience: number;
}

/** Fills in the defaults, and refuses what makes no sense. */
export function orderOf(request: BackupRequest): BackupOrder {
  const order: BackupOrder = {
    source: request.source,
    machine: request.machine ?? hostname(),
    disk: request.disk ?? defaultDiskName(request.source),
    full: request.full ?? false,
    snapshot: request.snapshot ?? 'auto',
    tracker: request.tracker ?? 'auto',
    bitmap: beginningBitmap(request.tracker ?? 'auto'),
    allocation: request.allocation ?? 'auto',
    type: request.type ?? 'manual',
    tags: [...new Set(request.tags ?? [])],
    note: request.note ?? '',
    rateLimit: request.rateLimit ?? 0,
    level: request.level ?? 1,
    maxDuration: request.maxDuration ?? null,
    dryRun: request.dryRun ?? false,
    cacheFolder: request.cacheFolder,
    snapshotFolder: request.snapshotFolder === undefined ? null : resolve(request.snapshotFolder),
    snapshotStore: request.snapshotStore === undefined ? null : storeAt(request.snapshotStore),
    snapshotSize: request.snapshotSize ?? { percent: 5 },
    freezeLimit: request.freezeLimit ?? 60_000,
    changedExtents: request.changedExtents ?? null,
    hooks: request.hooks ?? {},
    hookLimit: request.hookLimit ?? 60_000,
    snapshotRecords: request.snapshotRecords ?? snapshotRecordsFolder(),
    sourcePatience: request.sourcePatience ?? 60_000,
  };
  const refuse = (problem: string) => fail('USAGE', { problem });
  if (request.source === '') throw refuse('the source is empty');
  if (!isName(order.machine)) throw refuse(`${order.machine} cannot be the name of a machine; give one with --machine`);
  if (!isName(order.disk)) throw refuse(`${order.disk} cannot be the name of a disk; give one with --disk`);
  if (!pointTypes.includes(order.type)) throw refuse(`${order.type} is no type of point: ${pointTypes.join(', ')}`);
  if (!allocationPolicies.includes(order.allocation)) {
    throw refuse(`${order.allocation} is no policy for allocation maps: ${allocationPolicies.join(', ')}`);
  }
  refuseHints(order, refuse);
  if (order.snapshotStore !== null && order.snapshot !== 'dm-snapshot')
    throw refuse('--snapshot-store goes with --snapshot dm-snapshot');
  if (order.tags.includes('')) throw refuse('a tag is empty');
  if (!Number.isSafeInteger(order.rateLimit) || order.rateLimit < 0)
    throw refuse(`${order.rateLimit} is no rate limit`);
  if (!Number.isInteger(order.level) || order.level < 1 || order.level > 19) {
    throw refuse(`${order.level} is no compression level from 1 to 19`);
  }
  if (order.maxDuration !== null && !(order.maxDuration > 0)) throw refuse(`${order.maxDuration} is no duration`);
  return order;
}

function refuseHints({ tracker, changedExtents, source, full }: BackupOrder, refuse: (problem: string) => Error): void {
  if (tracker === 'hints' && changedExtents === null) throw refuse('the tracker hints needs --changed-extents');
  if (changedExtents === null) return;
  if (tracker !== 'auto' && tracker !== 'hints')
    throw refuse(`--changed-extents does not go with --tracker ${tracker}`);
  if (full) throw refuse('--changed-extents does not go with --full, which reads everything');
  if (source === '-') throw refuse('--changed-extents does not go with standard input, which is read whole');
}

function isName(name: string): boolean {
  return diskName.safeParse(name).success;
}
