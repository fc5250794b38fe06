/** One run: the source is read, and its point committed, under a lease. */
import { fail } from '../errors.ts';
import type { BackupOutcome } from '../native/backup.ts';
import type { BadPlace, PackRef } from '../native/maps.ts';
import { native } from '../native.ts';
import type { Warning } from '../repository/events.ts';
import type { Lease } from '../repository/lease.ts';
import type { Manifest } from '../repository/manifest.ts';
import type { DiskAllocation } from './allocation/disk.ts';
import { bytesIn, union } from './allocation/extents.ts';
import { commitPoint } from './commit.ts';
import type { Parent } from './parent.ts';
import { runPipeline } from './pipeline.ts';
import { type BackupResult, resultOf, secondsSince } from './result.ts';
import type { Taken } from './snapshots/take.ts';
import type { Source } from './source.ts';
import type { Task } from './task.ts';
import { type Distrusted, keepingNothing, requireHonest, type Tracking, track } from './trackers/track.ts';
import { giveBack, putToRest, settle, survey, takeView } from './view.ts';

/** What of the repository a run may refer to. */
export interface Stock {
  readonly packs: ReadonlyMap<string, PackRef>;
  readonly bad: readonly BadPlace[];
}

export async function run(
  task: Task,
  lease: Lease,
  parent: Parent,
  stock: Stock,
  distrusted: Distrusted | null,
): Promise<BackupResult> {
  const { order, source, emit, signal, warnings, started } = task;
  if (signal.aborted) throw fail('INTERRUPTED', { action: `the backup of ${source.path}` });
  emit({
    event: 'started',
    action: 'backup',
    subject: source.path,
    machine: order.machine,
    disk: order.disk,
    kind: parent.manifest === null ? 'full' : 'incremental',
    parent: parent.manifest?.id ?? null,
    size: source.size,
    ...(task.group === null ? {} : { group: task.group.id }),
  });
  if (order.snapshot !== 'off' && task.frozen === null) emit({ event: 'stage', stage: 'snapshot' });
  const taken = task.frozen ?? (await takeView(task));
  try {
    const { manifest, keepsSnapshot } = await readAndCommit(task, lease, parent, stock, taken, distrusted);
    await settle(task, taken, keepsSnapshot);
    return resultOf(manifest, warnings, secondsSince(started));
  } catch (error) {
    await giveBack(task, taken, 'abort');
    throw error;
  }
}

async function readAndCommit(
  task: Task,
  lease: Lease,
  parent: Parent,
  stock: Stock,
  taken: Taken,
  distrusted: Distrusted | null,
): Promise<{ readonly manifest: Manifest; readonly keepsSnapshot: boolean }> {
  const { view: source, provider, consistency, time, lost, needed, proven } = taken;
  const { repo, order, emit, signal, stop, warnings, warn, started } = task;
  const allocation = await survey(task, source);
  const asked = await askTracker(task, parent, taken, allocation, distrusted);
  const { unchanged, auditPercent } = asked;
  const unallocated = union(allocation?.unallocated ?? [], taken.traced?.own ?? []);
  const skips = { unallocated, unchanged, auditPercent };
  const outcome = await runPipeline({
    ...{ repo, order, source, parent, ...stock, skips },
    ...{ runId: lease.id, warn, stop, signal: AbortSignal.any([signal, lost]) },
    emit: (event) => {
      if (event.event === 'progress' && typeof event.secondsLeft === 'number') needed(event.secondsLeft);
      emit(event);
    },
  }).catch(async (error: unknown) => {
    if (lost.aborted) await proven();
    throw error;
  });
  if (outcome.size === 0) throw fail('SOURCE_EMPTY', { path: source.path });
  await proven();
  const tracking = warnOfLosses(task) ? keepingNothing(asked) : asked;
  requireHonest(tracking, outcome.changedUnseen);
  warnOfUnreadable(source, outcome, warn);
  warnOfBad(outcome, warn);
  const kept = await putToRest(task, taken, tracking);
  emit({ event: 'stage', stage: 'commit' });
  const seconds = secondsSince(started);
  const manifest = await commitPoint(repo, lease, {
    order,
    source,
    snapshot: provider,
    consistency,
    tracking: kept,
    parent,
    allocation,
    outcome,
    time,
    group: task.group,
    seconds,
    warnings,
  });
  return { manifest, keepsSnapshot: kept.keepsSnapshot };
}

async function askTracker(
  { order, hints, emit, warn, signal }: Task,
  { manifest }: Parent,
  taken: Taken,
  allocation: DiskAllocation | null,
  distrusted: Distrusted | null,
): Promise<Tracking> {
  const given = hints === null ? null : { path: order.changedExtents ?? '', content: hints };
  const { tracker: policy, bitmap } = order;
  const asked = { policy, hints: given, bitmap, parent: manifest, distrusted };
  const tracking = await track({ ...asked, taken, allocation, warn, signal });
  const { tracker, unchanged, recorded } = tracking;
  if (recorded !== null) emit({ event: 'tracked', tracker, unchanged: bytesIn(unchanged), reason: recorded.reason });
  return tracking;
}

/** A server that was started anew may show another state; whether that may be. */
function warnOfLosses({ source, connected: { view }, warn }: Task): boolean {
  const losses = view === null ? 0 : native.nbdFacts(view.input).losses;
  if (losses === 0) return false;
  const message = `the connection to ${source.path} was lost and made again while it was read (${losses} times): if the server shows another state since, the point is torn`;
  warn({ code: 'SOURCE_RECONNECTED', message });
  return true;
}

function warnOfUnreadable({ path }: Source, { unreadable }: BackupOutcome, warn: (warning: Warning) => void): void {
  if (unreadable.length === 0) return;
  const bytes = unreadable.reduce((sum, [, length]) => sum + length, 0);
  const message = `${bytes} bytes of ${path} in ${unreadable.length} places could not be read; zeros stand there`;
  warn({ code: 'UNREADABLE', message });
}

function warnOfBad({ badBlocks }: BackupOutcome, warn: (warning: Warning) => void): void {
  if (badBlocks === 0) return;
  const message = `${badBlocks} blocks lay in frames that are damaged: they were read again, and this point has them whole`;
  warn({ code: 'BAD_FRAMES', message });
}
