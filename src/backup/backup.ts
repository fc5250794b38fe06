/**
 * Backup: a source becomes a restore point. Packs go to the store while the source is read, the map follows, and the
 * manifest last; a run that ends before that leaves packs that the next one finds and uses.
 */
import { randomBytes } from 'node:crypto';
import { fail, isStrataError, reasonOf, type StrataError } from '../errors.ts';
import type { BackupOutcome, BadPlace, PackRef } from '../native.ts';
import { readBadFrames, unreadableRecord } from '../repository/bad-frames.ts';
import type { Emit, Warning } from '../repository/events.ts';
import { Lease, renewalWarning } from '../repository/lease.ts';
import { clearLeftovers, finishUploads } from '../repository/leftovers.ts';
import type { Manifest } from '../repository/manifest.ts';
import { listPacks } from '../repository/packs.ts';
import type { Repository } from '../repository/repository.ts';
import { trashedPacks } from '../repository/trash.ts';
import type { DiskAllocation, VolumeAllocation } from './allocation/disk.ts';
import { checkAllocationPolicy, surveyAllocation, unmapped } from './allocation/survey.ts';
import { commitPoint } from './commit.ts';
import { chainErrors, findParent, noParent, type Parent, provenParent, unusable } from './parent.ts';
import { runPipeline } from './pipeline.ts';
import { type BackupOrder, type BackupRequest, orderOf } from './request.ts';
import { nothingSkipped } from './skips.ts';
import { checkSnapshotPolicy } from './snapshots/provider.ts';
import { inspectSource, type Source } from './source.ts';
import { checkTrackerPolicy } from './trackers/tracker.ts';

export type { BackupRequest } from './request.ts';

export interface BackupResult {
  /** Id of the new point; null for a dry run. */
  readonly point: string | null;
  readonly dryRun: boolean;
  readonly machine: string;
  readonly disk: string;
  /** ISO 8601 UTC; null for a dry run. */
  readonly pointTime: string | null;
  readonly kind: Manifest['kind'];
  readonly parent: string | null;
  /** Bytes of the disk; null for the dry run of a stream. */
  readonly size: number | null;
  readonly bytesRead: number;
  readonly bytesNew: number;
  readonly bytesStored: number;
  readonly blocks: { readonly changed: number; readonly zero: number; readonly deduplicated: number };
  readonly snapshot: string;
  readonly tracker: string;
  /** What the file systems said of their volumes; null when they were not asked. */
  readonly allocation: readonly VolumeAllocation[] | null;
  /** Bytes that were not read, holes among them: nobody uses them, or they had not changed. */
  readonly skipped: { readonly unallocated: number; readonly unchanged: number };
  readonly warnings: readonly Warning[];
  readonly seconds: number;
}

/** What stays the same over all attempts of one backup. */
interface Task {
  readonly repo: Repository;
  readonly order: BackupOrder;
  readonly source: Source;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Aborts the signal. */
  readonly stop: (reason: StrataError) => void;
  readonly warnings: readonly Warning[];
  readonly warn: (warning: Warning) => void;
  readonly started: number;
}

/** What of the repository a run may refer to. */
interface Stock {
  readonly packs: ReadonlyMap<string, PackRef>;
  readonly bad: readonly BadPlace[];
}

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
  const started = Date.now();
  const order = orderOf(request);
  const warnings: Warning[] = [];
  const warn = (warning: Warning) => {
    warnings.push(warning);
    emit({ event: 'warning', ...warning });
  };
  emit({ event: 'stage', stage: 'check' });
  checkSnapshotPolicy(order.snapshot);
  checkTrackerPolicy(order.tracker);
  const source = await inspectSource(repo.store.folder, order.source);
  checkAllocationPolicy(order.allocation, source);
  warnOfLive(source, warn);
  const task: Task = { repo, order, source, emit, signal, stop, warnings, warn, started };
  return order.dryRun ? plan(task) : attempt(task, order.full);
}

function warnOfLive({ path, mountedAt }: Source, warn: (warning: Warning) => void): void {
  if (mountedAt.length === 0) return;
  const message = `${path} is mounted writable at ${mountedAt.join(', ')} and read without a snapshot: files changed meanwhile may be torn`;
  warn({ code: 'LIVE_SOURCE', message });
}

/** Says what a backup would do; writes nothing. */
async function plan(task: Task): Promise<BackupResult> {
  const { repo, order, source, warnings, warn, started } = task;
  const allocation = await survey(task);
  const parent = order.full ? noParent : await findParent(repo, order, await listPacks(repo), warn);
  return {
    point: null,
    dryRun: true,
    machine: order.machine,
    disk: order.disk,
    pointTime: null,
    kind: parent.manifest === null ? 'full' : 'incremental',
    parent: parent.manifest?.id ?? null,
    size: source.size,
    bytesRead: 0,
    bytesNew: 0,
    bytesStored: 0,
    blocks: { changed: 0, zero: 0, deduplicated: 0 },
    snapshot: 'off',
    tracker: 'off',
    allocation: allocation?.volumes ?? null,
    skipped: { unallocated: 0, unchanged: 0 },
    warnings,
    seconds: secondsSince(started),
  };
}

/** One run, under a lease of its own; a parent that turns out to be damaged leads to a second one, a full. */
async function attempt(task: Task, full: boolean): Promise<BackupResult> {
  const { repo, order, source, emit, signal, warn } = task;
  const runId = randomBytes(12).toString('hex');
  const { machine, disk } = order;
  const lease = await Lease.take(repo, runId, { purpose: 'backup', machine, disk }, (error) =>
    warn(renewalWarning(error)),
  );
  let parent = noParent;
  try {
    // What is in the trash may go at any time: nothing new may refer to it. Looked at once the lease stands, and before
    // the packs are listed: else one that goes meanwhile would be neither in the trash nor gone.
    const trash = await trashedPacks(repo);
    await finishUploads(repo);
    const packs = await listPacks(repo);
    const { places: bad, unreadable } = await readBadFrames(repo);
    for (const name of unreadable) warn(unreadableRecord(name));
    await clearLeftovers(repo, packs, emit);
    if (!full) parent = await findParent(repo, order, packs, warn);
    if (source.kind === 'stream') parent = await provenParent(repo, parent, warn, signal);
    const usable = new Map([...packs].filter(([id]) => !trash.has(id)));
    return await run(task, lease, parent, { packs: usable, bad });
  } catch (error) {
    const { manifest } = parent;
    if (manifest === null || source.kind === 'stream' || !isStrataError(error, ...chainErrors)) throw error;
    warn(unusable(manifest, error));
  } finally {
    await cleanUp(task, lease);
  }
  return attempt(task, true);
}

async function run(task: Task, lease: Lease, parent: Parent, stock: Stock): Promise<BackupResult> {
  const { repo, order, source, emit, signal, stop, warnings, warn, started } = task;
  if (signal.aborted) throw fail('INTERRUPTED', { action: `the backup of ${source.path}` });
  const time = new Date().toISOString();
  emit({
    event: 'started',
    action: 'backup',
    subject: source.path,
    machine: order.machine,
    disk: order.disk,
    kind: parent.manifest === null ? 'full' : 'incremental',
    parent: parent.manifest?.id ?? null,
    size: source.size,
  });
  const allocation = await survey(task);
  const outcome = await runPipeline({
    repo,
    order,
    source,
    parent,
    ...stock,
    skips: { ...nothingSkipped, unallocated: allocation?.unallocated ?? [] },
    runId: lease.id,
    emit,
    warn,
    signal,
    stop,
  });
  if (outcome.size === 0) throw fail('SOURCE_EMPTY', { path: source.path });
  warnOfUnreadable(source, outcome, warn);
  warnOfBad(outcome, warn);
  emit({ event: 'stage', stage: 'commit' });
  const seconds = secondsSince(started);
  const manifest = await commitPoint(repo, lease, {
    order,
    source,
    parent,
    allocation,
    outcome,
    time,
    seconds,
    warnings,
  });
  return resultOf(manifest, warnings, secondsSince(started));
}

/** Asks the source's file systems what they use. */
async function survey({ order, source, emit, warn }: Task): Promise<DiskAllocation | null> {
  if (order.allocation !== 'off') emit({ event: 'stage', stage: 'allocation' });
  const allocation = await surveyAllocation(source, order.allocation);
  if (allocation !== null && order.allocation === 'required') unmapped(source.path, allocation).forEach(warn);
  return allocation;
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

/** What is left in tmp/ goes. When that fails the run has succeeded or failed without it: a warning is enough. */
async function cleanUp({ repo, warn }: Task, lease: Lease): Promise<void> {
  for (const result of await Promise.allSettled([repo.store.clearSpool(lease.id), lease.release()])) {
    if (result.status === 'fulfilled') continue;
    warn({ code: 'CLEANUP', message: `something of run ${lease.id} is left in tmp/: ${reasonOf(result.reason)}` });
  }
}

function resultOf(manifest: Manifest, warnings: readonly Warning[], seconds: number): BackupResult {
  const { bytesRead, bytesNew, bytesStored, blocks } = manifest.stats;
  return {
    point: manifest.id,
    dryRun: false,
    machine: manifest.machine,
    disk: manifest.disk,
    pointTime: manifest.time,
    kind: manifest.kind,
    parent: manifest.parent,
    size: manifest.size,
    bytesRead,
    bytesNew,
    bytesStored,
    blocks,
    snapshot: manifest.snapshot,
    tracker: manifest.tracker,
    allocation: manifest.allocation ?? null,
    skipped: manifest.skipped ?? { unallocated: 0, unchanged: 0 },
    warnings,
    seconds,
  };
}

function secondsSince(started: number): number {
  return (Date.now() - started) / 1000;
}
