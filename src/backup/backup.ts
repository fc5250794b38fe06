/**
 * Backup: a source becomes a restore point. Packs go to the store while the source is read, the map follows, and the
 * manifest last; a run that ends before that leaves packs that the next one finds and uses.
 */
import type { StrataError } from '../errors.ts';
import { native } from '../native.ts';
import type { Emit } from '../repository/events.ts';
import type { Repository } from '../repository/repository.ts';
import { makePoint } from './attempt.ts';
import { foresee } from './foresee.ts';
import type { BackupRequest } from './request.ts';
import type { BackupResult } from './result.ts';
import { betweenHooks } from './snapshots/hooks.ts';
import { clearOrphans } from './snapshots/leftovers.ts';
import { foreseeProvider } from './snapshots/take.ts';
import { hookOrderOf, prepare, snapshotOrderOf, type Task } from './task.ts';

export type { BackupRequest } from './request.ts';
export type { BackupResult } from './result.ts';

/**
 * Makes a restore point of a source. Warnings in the result mean exit 3. `stop` aborts the signal, which the store heeds as well, and is called when
 * the run takes longer than it may.
 */
export async function backup(
  repo: Repository,
  request: BackupRequest,
  emit: Emit,
  signal: AbortSignal,
  stop: (reason: StrataError) => void = () => {},
): Promise<BackupResult> {
  emit({ event: 'stage', stage: 'check' });
  const task = await prepare(repo, request, { emit, signal, stop });
  const { order, warn } = task;
  if (order.dryRun) return lettingGo(task, foresee);
  await clearOrphans(order.snapshotRecords, emit, warn);
  return betweenHooks(hookOrderOf(task), () => lettingGo(task, start));
}

/** The last hook may end what serves an export: it is let go before. */
async function lettingGo(task: Task, work: (task: Task) => Promise<BackupResult>): Promise<BackupResult> {
  try {
    return await work(task);
  } finally {
    const { view } = task.connected;
    if (view !== null) native.closeNbd(view.input);
  }
}

/** What the policy needs must be there before anything is written. */
async function start(task: Task): Promise<BackupResult> {
  await foreseeProvider(snapshotOrderOf(task));
  return makePoint(task);
}
