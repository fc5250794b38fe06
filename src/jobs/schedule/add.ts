/** Saving a job: what was left open is filled in, and what can be seen to be wrong is refused before it is written. */
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { DisksRequest } from '../../backup/disks.ts';
import { type BackupOrder, type BackupRequest, orderOf } from '../../backup/request.ts';
import { checkSnapshotPolicy } from '../../backup/snapshots/provider.ts';
import { absoluteSource } from '../../backup/source.ts';
import { checkTrackerPolicy } from '../../backup/trackers/tracker.ts';
import { fail } from '../../errors.ts';
import { Repository } from '../../repository/repository.ts';
import type { RetentionRules } from '../../repository/retention.ts';
import { absoluteLocation } from '../../repository/stores/open.ts';
import { isS3Location } from '../../repository/stores/s3/address.ts';
import type { StorageSettings } from '../../repository/stores/settings.ts';
import type { ConsolidationRequest } from '../consolidate.ts';
import { localTimeZone } from './calendar.ts';
import { isStale } from './install.ts';
import type { Places } from './places.ts';
import { readPassphrase } from './saved-access.ts';
import { checkJob, type KeepRules, requireJobName, type SavedJob, type Schedule } from './saved-job.ts';
import { jobPath, writeSavedJob } from './saved-jobs.ts';

/** What all backups take. */
type OfAnyBackup = Pick<
  BackupRequest,
  | 'machine'
  | 'snapshot'
  | 'snapshotFolder'
  | 'snapshotStore'
  | 'snapshotSize'
  | 'freezeLimit'
  | 'hooks'
  | 'hookLimit'
  | 'tracker'
  | 'allocation'
  | 'type'
  | 'tags'
  | 'maxDuration'
> & {
  /** What to keep after each backup; null: everything. */
  readonly keep: RetentionRules | null;
};

/** What the kinds take; relative paths are those of the caller. */
export type JobSettings =
  | ({ readonly kind: 'backup'; readonly source: string; readonly disk?: string | undefined } & OfAnyBackup)
  | ({
      readonly kind: 'backup-disks';
      /** Null: all disks that the machine has when it runs. */
      readonly disks: DisksRequest['disks'] | null;
    } & OfAnyBackup)
  | { readonly kind: 'verify'; readonly samplePercent?: number | undefined }
  | ({ readonly kind: 'consolidate'; readonly keep: RetentionRules | null } & Pick<
      ConsolidationRequest,
      'disks' | 'maxChain' | 'fullEvery' | 'mode' | 'grace' | 'maxUnused'
    >);

export interface AddRequest {
  readonly name: string;
  readonly location: string;
  readonly storage: StorageSettings;
  readonly passwordFile: string | undefined;
  /** An interval such as 6h, or a cron expression; neither for a job that is only run by hand. */
  readonly every: string | undefined;
  readonly calendar: string | undefined;
  /** Of the calendar and of the rules what to keep; default: the machine's. */
  readonly timeZone: string | undefined;
  readonly settings: JobSettings;
  readonly replace: boolean;
  readonly dryRun: boolean;
}

export interface AddResult {
  readonly dryRun: boolean;
  /** Its file. */
  readonly path: string;
  readonly job: SavedJob;
  /** Whether units are installed that were made for other settings. */
  readonly stale: boolean;
}

/** Saves a job, or says what would be saved. */
export async function addSavedJob(request: AddRequest, places: Places): Promise<AddResult> {
  const { name, replace, dryRun } = request;
  const job = jobOf(request);
  const path = jobPath(places.jobs, name);
  if (!replace && (await exists(path))) throw fail('JOB_EXISTS', { job: name });
  await requirePassphrase(job);
  if (!dryRun) await writeSavedJob(places.jobs, job, { replace });
  return { dryRun, path, job, stale: replace && (await isStale(job)) };
}

/** The job that is asked for, complete and checked by itself: USAGE. Nothing is looked at but the name of this host. */
export function jobOf(request: Omit<AddRequest, 'replace' | 'dryRun'>): SavedJob {
  requireJobName(request.name);
  refuseTimeZone(request);
  const repository = absoluteLocation(request.location);
  const timeZone = request.timeZone ?? localTimeZone();
  const { kind, settings } = completed(request.settings, timeZone);
  return checkJob({
    format: 1,
    name: request.name,
    kind,
    repository,
    ...(isS3Location(repository) ? { storage: request.storage } : {}),
    passwordFile: request.passwordFile === undefined ? null : resolve(request.passwordFile),
    schedule: scheduleOf(request, timeZone),
    saved: new Date().toISOString(),
    settings,
  });
}

function completed(settings: JobSettings, timeZone: string): { kind: SavedJob['kind']; settings: object } {
  if (settings.kind === 'verify') return { kind: 'verify', settings: { samplePercent: settings.samplePercent ?? 100 } };
  if (settings.kind === 'consolidate') {
    const { kind, keep, ...policy } = settings;
    return { kind, settings: { ...policy, keep: keepOf(keep, timeZone) } };
  }
  if (settings.kind === 'backup') {
    const { source, disk, ...given } = settings;
    const order = orderOfJob(source, { ...given, disk });
    return {
      kind: 'backup',
      settings: { source: absoluteSource(source), disk: order.disk, ...ofAnyBackup(given, order, timeZone) },
    };
  }
  const { disks: wanted, ...given } = settings;
  const orders = (wanted ?? []).map(({ source, disk }) => orderOfJob(source, { ...given, disk }));
  const disks = orders.map(({ source, disk }) => ({ source: absoluteSource(source), disk }));
  for (const [at, { disk }] of disks.entries()) {
    if (disks.findIndex((other) => other.disk === disk) === at) continue;
    throw fail('USAGE', { problem: `two of the sources would be the disk ${disk}: give them jobs of their own` });
  }
  // All disks are found when it runs; of what is common to them any name will do.
  const [order = orderOfJob('any', given)] = orders;
  const named = wanted === null ? null : disks;
  return { kind: 'backup-disks', settings: { disks: named, ...ofAnyBackup(given, order, timeZone) } };
}

function orderOfJob(
  source: string,
  given: Omit<Partial<BackupRequest>, 'source'> & { readonly keep: unknown },
): BackupOrder {
  if (source === '-') throw fail('USAGE', { problem: 'a saved job has no standard input: name its source' });
  const { keep: _, ...asked } = given;
  const order = orderOf({ type: 'scheduled', ...withoutGaps(asked), source });
  checkSnapshotPolicy(order.snapshot);
  checkTrackerPolicy(order.tracker);
  return order;
}

/** The host may be renamed, and the job still means the same machine. */
function ofAnyBackup(given: OfAnyBackup, order: BackupOrder, timeZone: string): object {
  const { machine, snapshot, tracker, allocation, type, tags } = order;
  const { maxDuration, snapshotSize, freezeLimit, hooks, hookLimit } = given;
  return {
    machine,
    snapshot,
    tracker,
    allocation,
    type,
    tags: [...tags],
    ...withoutGaps({ maxDuration }),
    keep: keepOf(given.keep, timeZone),
    ...(order.snapshotFolder === null ? {} : { snapshotFolder: order.snapshotFolder }),
    ...(order.snapshotStore === null ? {} : { snapshotStore: order.snapshotStore.path }),
    ...withoutGaps({ snapshotSize, freezeLimit, hooks, hookLimit }),
  };
}

/** `undefined` is no type of point. */
function withoutGaps<Given extends object>(given: Given): Given {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Given;
}

function keepOf(rules: RetentionRules | null, timeZone: string): KeepRules | null {
  if (rules === null) return null;
  const { keepTags, ...counts } = rules;
  return { ...counts, keepTags: keepTags && [...keepTags], timeZone };
}

function refuseTimeZone({ calendar, timeZone, settings }: Omit<AddRequest, 'replace' | 'dryRun'>): void {
  const used = calendar !== undefined || ('keep' in settings && settings.keep !== null);
  if (timeZone === undefined || used) return;
  throw fail('USAGE', { problem: '--time-zone needs --calendar, or rules what to keep' });
}

function scheduleOf({ every, calendar }: Pick<AddRequest, 'every' | 'calendar'>, timeZone: string): Schedule | null {
  if (every !== undefined && calendar !== undefined) {
    throw fail('USAGE', { problem: '--every and --calendar exclude each other' });
  }
  if (every !== undefined) return { every };
  return calendar === undefined ? null : { calendar, timeZone };
}

/** Whoever runs the job may have nobody to ask. */
async function requirePassphrase({ repository, storage, passwordFile }: SavedJob): Promise<void> {
  const encrypted = await Repository.isEncrypted(repository, { storage });
  if (passwordFile === null) {
    if (!encrypted) return;
    const problem = `the repository is encrypted, and a job keeps no passphrase: name a file with it by --password-file`;
    throw fail('USAGE', { problem });
  }
  if (!encrypted) throw fail('ENCRYPTION_EXPECTED', { location: repository });
  if ((await readPassphrase(passwordFile)) === '') throw fail('PASSPHRASE_EMPTY', {});
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
