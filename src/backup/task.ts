/** One backup of one disk, as all steps of it see it. */
import { homedir, tmpdir } from 'node:os';
import type { StrataError } from '../errors.ts';
import type { Emit, Warning } from '../repository/events.ts';
import type { Manifest } from '../repository/manifest.ts';
import type { Repository } from '../repository/repository.ts';
import { cachesOfStorage } from '../repository/stores/cache-room.ts';
import { checkAllocationPolicy } from './allocation/survey.ts';
import { bitmapOf } from './nbd/bitmap.ts';
import type { ConnectedSource } from './nbd/connect.ts';
import { newestOf } from './parent.ts';
import { type BackupOrder, type BackupRequest, orderOf } from './request.ts';
import type { HookOrder } from './snapshots/hooks.ts';
import { checkSnapshotPolicy } from './snapshots/provider.ts';
import type { SnapshotOrder, Taken } from './snapshots/take.ts';
import { inspectSource, type Source } from './source.ts';
import { type Hints, readHints } from './trackers/hints.ts';
import { checkTrackerPolicy } from './trackers/tracker.ts';

/** Stays the same over all attempts. */
export interface Task {
  readonly repo: Repository;
  readonly order: BackupOrder;
  readonly source: Source;
  readonly hints: Hints | null;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Aborts the signal. */
  readonly stop: (reason: StrataError) => void;
  readonly warnings: readonly Warning[];
  readonly warn: (warning: Warning) => void;
  /** The dirty bitmap that began with the newest point of the disk; '' when none did. */
  readonly bitmapSince: string;
  /** The export, once it is connected. It stays for all attempts: there are servers that serve one client, and once. */
  readonly connected: { view: ConnectedSource | null; time: string };
  /** The snapshot that all attempts read; null: each makes its own. */
  readonly frozen: Taken | null;
  /** Of one disk of several. */
  readonly group: NonNullable<Manifest['group']> | null;
  readonly started: number;
}

/** Who hears of a task, and ends it. */
export interface Surroundings {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Aborts the signal, which the store heeds as well; called when the run takes longer than it may. */
  readonly stop: (reason: StrataError) => void;
}

/** Gathers warnings, each once: a second attempt meets what the first one met. */
export function gatherWarnings(emit: Emit): {
  readonly warnings: readonly Warning[];
  readonly warn: (warning: Warning) => void;
} {
  const warnings: Warning[] = [];
  const warn = (warning: Warning) => {
    if (warnings.some(({ code, message }) => code === warning.code && message === warning.message)) return;
    warnings.push(warning);
    emit({ event: 'warning', ...warning });
  };
  return { warnings, warn };
}

/** Looks at what is asked for, and refuses what cannot be: writes nothing. */
export async function prepare(repo: Repository, request: BackupRequest, surroundings: Surroundings): Promise<Task> {
  const started = Date.now();
  const order = orderOf(request);
  checkSnapshotPolicy(order.snapshot);
  checkTrackerPolicy(order.tracker);
  const source = await inspectSource(repo.store.folder, order.source);
  checkAllocationPolicy(order.allocation, source);
  const hints = order.changedExtents === null ? null : await readHints(order.changedExtents);
  const bitmapSince = await bitmapBefore(repo, order);
  const known = { repo, order, source, hints, ...surroundings, ...gatherWarnings(surroundings.emit), started };
  return { ...known, bitmapSince, connected: { view: null, time: '' }, frozen: null, group: null };
}

async function bitmapBefore(repo: Repository, { machine, disk, bitmap }: BackupOrder): Promise<string> {
  const newest = bitmap === null ? null : await newestOf(repo, { machine, disk }, () => undefined);
  return (newest && bitmapOf(newest)?.name) ?? '';
}

/** A snapshot that was made while the applications rested is consistent for them. */
export function worthWith(resting: boolean, taken: Taken): Taken {
  return resting && taken.provider !== 'off' ? { ...taken, consistency: 'application' } : taken;
}

export function snapshotOrderOf({ repo, order, source, emit, warn, signal }: Task): SnapshotOrder {
  const { machine, disk, snapshotFolder: folder, snapshotSize: size, snapshotStore: store, freezeLimit } = order;
  const { snapshotRecords: records } = order;
  const owner = { repository: repo.config.id, machine, disk };
  const caches = cachesOfStorage();
  const folders = [repo.store.folder, records, order.cacheFolder, caches, homedir(), tmpdir()];
  const needed = folders.filter((path) => path != null);
  const wish = { folder, size, store, freezeLimit, needed, signal };
  return { source, policy: order.snapshot, owner, records, wish, emit, warn };
}

export function hookOrderOf({ repo, order, source, bitmapSince, emit, warn }: Task): HookOrder {
  const { hooks: commands, hookLimit: limit, machine, disk, bitmap } = order;
  const environment = {
    STRATA_SOURCE: source.path,
    STRATA_MACHINE: machine,
    STRATA_DISK: disk,
    STRATA_REPOSITORY: repo.config.id,
    ...(bitmap === null ? {} : { STRATA_BITMAP: bitmap, STRATA_BITMAP_SINCE: bitmapSince }),
  };
  const required = order.snapshot !== 'auto' && order.snapshot !== 'off';
  return { commands, limit, required, environment, emit, warn };
}
