/**
 * Several disks of a machine in one run: snapshots of all first, of one instant where that can be had, then their backups
 * one after the other. Each becomes a point of its own, which names the group and says whether it is of that instant.
 * What one disk fails of does not stop the others.
 */
import { randomBytes } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail, isStrataError } from '../errors.ts';
import type { Warning } from '../repository/events.ts';
import type { Repository } from '../repository/repository.ts';
import { type Apart, apartIn, requireOneInstant, warnOfSeveral } from './apart.ts';
import { makePoint } from './attempt.ts';
import { foresee } from './foresee.ts';
import { isNbdUri } from './nbd/uri.ts';
import { type BackupOrder, type BackupRequest, orderOf } from './request.ts';
import type { BackupResult } from './result.ts';
import { betweenHooks, type HookOrder, whileResting } from './snapshots/hooks.ts';
import { clearOrphans } from './snapshots/leftovers.ts';
import { lend } from './snapshots/loan.ts';
import type { SnapshotOrder } from './snapshots/take.ts';
import { type Frozen, planTogether, takeTogether } from './snapshots/together.ts';
import {
  gatherWarnings,
  hookOrderOf,
  prepare,
  type Surroundings,
  snapshotOrderOf,
  type Task,
  worthWith,
} from './task.ts';

export interface DisksRequest extends Omit<BackupRequest, 'source' | 'disk' | 'changedExtents'> {
  /** Each with the name of its disk; default: the base name of the source. */
  readonly disks: readonly { readonly source: string; readonly disk?: string | undefined }[];
}

/** What came of one disk: its point, or the error that kept it from getting one. */
export type DiskOutcome = Pick<BackupOrder, 'source' | 'machine' | 'disk'> &
  ({ readonly result: BackupResult } | { readonly error: unknown });

export interface DisksOutcome {
  /** Id that the points of the run have in common; null for a dry run. */
  readonly group: string | null;
  /** Whether all points of the run show, or would show, one instant. */
  readonly oneInstant: boolean;
  readonly disks: readonly DiskOutcome[];
  /** Of all disks. */
  readonly warnings: readonly Warning[];
  readonly seconds: number;
}

/** A disk that can be read, and how. */
interface Prepared {
  readonly at: number;
  readonly task: Task;
}

/**
 * Makes a restore point of each source; `done` hears of each as soon as it is known. NOT_ONE_INSTANT before anything is
 * read when the policy requires what cannot be had; when the signal comes the disks that were done are done.
 */
export async function backupDisks(
  repo: Repository,
  { disks, ...common }: DisksRequest,
  surroundings: Surroundings,
  done: (outcome: DiskOutcome) => void,
): Promise<DisksOutcome> {
  const started = Date.now();
  const { emit, signal } = surroundings;
  const { warnings, warn } = gatherWarnings(emit);
  const orders = ordersOf(disks.map((disk) => ({ ...common, ...disk })));
  const [first] = orders as [BackupOrder];
  emit({ event: 'stage', stage: 'check' });
  const outcomes: DiskOutcome[] = [];
  const settle = (at: number, came: { result: BackupResult } | { error: unknown }) => {
    const { source, machine, disk } = orders[at] as BackupOrder;
    const outcome = { source, machine, disk, ...came };
    outcomes[at] = outcome;
    done(outcome);
  };
  const prepared: Prepared[] = [];
  for (const [at, disk] of disks.entries()) {
    try {
      prepared.push({ at, task: await prepare(repo, { ...common, ...disk }, surroundings) });
    } catch (error) {
      if (isStrataError(error, 'USAGE')) throw error;
      settle(at, { error });
    }
  }
  const group = first.dryRun ? null : randomBytes(12).toString('hex');
  let apart: readonly Apart[] = [];
  if (group === null) {
    apart = apartIn(await planTogether(await snapshotOrdersOf(prepared)));
    requireOneInstant(first, apart);
    warnOfSeveral(first, apart, warn);
    for (const { at, task } of prepared) settle(at, await foresee(task).then(...asOutcome));
  } else {
    await clearOrphans(first.snapshotRecords, emit, warn);
    const run = async () => {
      apart = await backUpAll({ prepared, group, warn, warnings, settle });
    };
    if (prepared.length > 0) await betweenHooks(hookOrderOfAll(prepared, warn), run, () => outcomeOf(outcomes));
  }
  if (signal.aborted && !first.dryRun) throw interruption(signal, outcomes);
  const results = outcomes.flatMap((outcome) => ('result' in outcome ? [outcome.result] : []));
  const oneInstant = apart.length === 0 && results.length > 0;
  const all = unique([...warnings, ...results.flatMap((result) => result.warnings)]);
  return { group, oneInstant, disks: outcomes, warnings: all, seconds: (Date.now() - started) / 1000 };
}

interface Run {
  readonly prepared: readonly Prepared[];
  readonly group: string;
  readonly warnings: readonly Warning[];
  readonly warn: (warning: Warning) => void;
  readonly settle: (at: number, came: { result: BackupResult } | { error: unknown }) => void;
}

/** Gives the disks that are not of the instant of the others. */
async function backUpAll({ prepared, group, warnings, warn, settle }: Run): Promise<readonly Apart[]> {
  const [
    {
      task: { order, emit, signal, started },
    },
  ] = prepared as [Prepared];
  if (signal.aborted) throw interruption(signal, []);
  emit({ event: 'stage', stage: 'snapshot' });
  const plan = await planTogether(await snapshotOrdersOf(prepared));
  // Whether the applications rest shows when their hook has run.
  if (order.hooks.freeze === undefined) requireOneInstant(order, apartIn(plan));
  const frozen = await whileResting(hookOrderOfAll(prepared, warn), async (resting) => {
    const made = await takeTogether(plan, warn);
    return resting ? made.map(atRest) : made;
  });
  const loans = frozen.map(({ outcome }) => ('failure' in outcome ? null : lend(outcome)));
  const apart = frozen.flatMap(({ apart: reason }, at) => {
    const path = prepared[at]?.task.source.path ?? '';
    return reason === null ? [] : [{ path, reason }];
  });
  // One alone has nobody to share its instant with.
  const [shown, shared] = [loans.filter((loan) => loan !== null).length, frozen.filter(isShared).length];
  const isCommon = shared > 1 || shown === 1;
  try {
    requireOneInstant(order, apart);
    warnOfSeveral(order, apart, warn);
    for (const [at, disk] of prepared.entries()) {
      const { outcome, apart: reason } = frozen[at] as Frozen;
      const loan = loans[at] ?? null;
      if (signal.aborted) settle(disk.at, { error: interruption(signal, []) });
      else if ('failure' in outcome) settle(disk.at, { error: outcome.failure });
      else if (loan !== null) {
        const about = { id: group, oneInstant: isCommon && reason === null };
        const left = order.maxDuration === null ? null : Math.max(1, order.maxDuration - (Date.now() - started) / 1000);
        const task = joined({ ...disk.task, order: { ...disk.task.order, maxDuration: left } }, warnings);
        settle(disk.at, await makePoint({ ...task, frozen: loan.taken, group: about }).then(...asOutcome));
        await loan.giveBack(warn, disk.task.source.path);
      }
    }
  } finally {
    for (const [at, loan] of loans.entries()) await loan?.giveBack(warn, prepared[at]?.task.source.path ?? '');
  }
  return apart;
}

function isShared({ outcome, apart }: Frozen): boolean {
  return apart === null && !('failure' in outcome);
}

/** A task whose point has what was said of all, too. */
function joined(task: Task, common: readonly Warning[]): Task {
  const { warnings, warn } = gatherWarnings(() => undefined);
  for (const warning of [...common, ...task.warnings]) warn(warning);
  const told = (warning: Warning) => {
    if (!warnings.some(({ code, message }) => code === warning.code && message === warning.message)) task.warn(warning);
    warn(warning);
  };
  return { ...task, warnings, warn: told, started: Date.now() };
}

/** While the applications rest nothing changes from one snapshot to the next. */
function atRest(frozen: Frozen): Frozen {
  const { outcome } = frozen;
  if ('failure' in outcome || outcome.provider === 'off') return frozen;
  return { outcome: worthWith(true, outcome), apart: null };
}

/** What is asked for of each: USAGE when two would be one disk. */
function ordersOf(requests: readonly BackupRequest[]): readonly BackupOrder[] {
  const orders = requests.map(orderOf);
  for (const [at, { disk, source }] of orders.entries()) {
    const other = orders.findIndex((order) => order.disk === disk);
    if (source === '-') throw fail('USAGE', { problem: 'standard input cannot be one of several sources' });
    if (isNbdUri(source)) throw fail('USAGE', { problem: `${source}: an export of an NBD server is backed up alone` });
    if (other === at) continue;
    const problem = `${orders[other]?.source} and ${source} would both be the disk ${disk}: back them up one by one, with --disk`;
    throw fail('USAGE', { problem });
  }
  if (orders.length === 0) throw fail('USAGE', { problem: 'no source was named' });
  return orders;
}

/** Snapshots of image files must stay possible while other disks stand still. */
async function snapshotOrdersOf(prepared: readonly Prepared[]): Promise<readonly SnapshotOrder[]> {
  const places: string[] = [];
  for (const { task } of prepared) {
    if (task.source.kind === 'file') places.push(dirname(await realpath(task.source.path)));
    if (task.order.snapshotFolder !== null) places.push(task.order.snapshotFolder);
  }
  return prepared.map(({ task }) => {
    const order = snapshotOrderOf(task);
    return { ...order, wish: { ...order.wish, needed: [...order.wish.needed, ...places] } };
  });
}

function hookOrderOfAll(prepared: readonly Prepared[], warn: (warning: Warning) => void): HookOrder {
  const [{ task }] = prepared as [Prepared];
  const order = hookOrderOf(task);
  const lines = (of: (task: Task) => string) => prepared.map((disk) => of(disk.task)).join('\n');
  const named = {
    STRATA_SOURCE: lines(({ source }) => source.path),
    STRATA_DISK: lines(({ order: { disk } }) => disk),
  };
  return { ...order, warn, environment: { ...order.environment, ...named } };
}

const asOutcome = [(result: BackupResult) => ({ result }), (error: unknown) => ({ error })] as const;

/** For the hook at the end. */
function outcomeOf(outcomes: readonly DiskOutcome[]): string {
  const failed = outcomes.find((outcome) => outcome !== undefined && 'error' in outcome);
  if (failed === undefined || !('error' in failed)) return 'done';
  return isStrataError(failed.error) ? failed.error.code : 'UNEXPECTED';
}

/** Of the disks that were stopped one knows why: because its time was over, or because somebody wanted it. */
function interruption({ reason }: AbortSignal, outcomes: readonly DiskOutcome[]): unknown {
  const stopped = outcomes.find((outcome) => 'error' in outcome && isStrataError(outcome.error, 'BACKUP_TOO_SLOW'));
  if (stopped !== undefined && 'error' in stopped) return stopped.error;
  return isStrataError(reason) ? reason : fail('INTERRUPTED', { action: 'the backup' });
}

function unique(warnings: readonly Warning[]): Warning[] {
  return [...new Map(warnings.map((warning) => [`${warning.code} ${warning.message}`, warning])).values()];
}
