/**
 * Backup: a source becomes a restore point. Packs go to the store while the source is read, the map follows, and the
 * manifest last; a run that ends before that leaves packs that the next one finds and uses.
 */
import { randomBytes } from 'node:crypto';
import { fail, isStrataError, reasonOf, type StrataError } from '../errors.ts';
import { type BackupOutcome, type BadPlace, native, type PackRef } from '../native.ts';
import { readBadFrames, unreadableRecord } from '../repository/bad-frames.ts';
import type { Emit, Warning } from '../repository/events.ts';
import { Lease, renewalWarning } from '../repository/lease.ts';
import { clearLeftovers, finishUploads } from '../repository/leftovers.ts';
import type { Manifest } from '../repository/manifest.ts';
import { listPacks } from '../repository/packs.ts';
import type { Repository } from '../repository/repository.ts';
import { trashedPacks } from '../repository/trash.ts';
import type { DiskAllocation, VolumeAllocation } from './allocation/disk.ts';
import { bytesIn, union } from './allocation/extents.ts';
import { surveyAllocation, unmapped } from './allocation/survey.ts';
import { commitPoint } from './commit.ts';
import { contextOf } from './nbd/bitmap.ts';
import { type ConnectedSource, connect } from './nbd/connect.ts';
import { chainErrors, findParent, newestOf, noParent, type Parent, provenParent, unusable } from './parent.ts';
import { runPipeline } from './pipeline.ts';
import type { BackupRequest } from './request.ts';
import { betweenHooks, whileResting } from './snapshots/hooks.ts';
import { clearOrphans, dropKept } from './snapshots/leftovers.ts';
import type { Consistency } from './snapshots/provider.ts';
import { foreseeProvider, live, type Taken, takeSnapshot } from './snapshots/take.ts';
import type { Source } from './source.ts';
import { hookOrderOf, prepare, snapshotOrderOf, type Task, worthWith } from './task.ts';
import { type Distrusted, keepingNothing, requireHonest, type Tracking, track } from './trackers/track.ts';

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
  /** Name of the provider; `off` when the source was read as it is. */
  readonly snapshot: string;
  readonly consistency: Consistency;
  readonly tracker: string;
  /** What the tracker did, or why none did; null when there was none to ask. */
  readonly tracking: Manifest['tracking'] | null;
  /** What the file systems said of their volumes; null when they were not asked. */
  readonly allocation: readonly VolumeAllocation[] | null;
  /** Bytes that were not read, holes among them: nobody uses them, or they had not changed. */
  readonly skipped: { readonly unallocated: number; readonly unchanged: number };
  /** What it has in common with the other disks of its run; null when it was the only one. */
  readonly group: NonNullable<Manifest['group']> | null;
  readonly warnings: readonly Warning[];
  readonly seconds: number;
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

/** Says what a backup would do; writes nothing. */
export async function foresee(task: Task): Promise<BackupResult> {
  const { repo, order, warnings, warn, started } = task;
  const source = task.source.kind === 'nbd' ? await connected(task) : task.source;
  const provider = await foreseeProvider(snapshotOrderOf(task));
  const allocation = await survey(task, provider === null ? source : { ...source, mountedAt: [] });
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
    snapshot: provider?.name ?? 'off',
    consistency: provider?.consistency ?? 'none',
    tracker: 'off',
    tracking: null,
    allocation: allocation?.volumes ?? null,
    skipped: { unallocated: 0, unchanged: 0 },
    warnings,
    group: null,
    seconds: secondsSince(started),
  };
}

/** What the policy needs must be there before anything is written. */
async function start(task: Task): Promise<BackupResult> {
  await foreseeProvider(snapshotOrderOf(task));
  return makePoint(task);
}

/** Makes the point of a task, in as many attempts as that takes. */
export function makePoint(task: Task): Promise<BackupResult> {
  return attempt(task, { full: task.order.full, distrusted: null });
}

/** How a run goes about it; what it finds wrong changes that for the next one. */
interface Way {
  readonly full: boolean;
  /** A tracker that is not to be used. */
  readonly distrusted: Distrusted | null;
}

/** One run, under a lease of its own; what turns out to be wrong with a parent or a tracker leads to another without it. */
async function attempt(task: Task, way: Way): Promise<BackupResult> {
  const { repo, order, source, emit, signal, warn } = task;
  const runId = randomBytes(12).toString('hex');
  const { machine, disk } = order;
  const lease = await Lease.take(repo, runId, { purpose: 'backup', machine, disk }, (error) =>
    warn(renewalWarning(error)),
  );
  let parent = noParent;
  let other: Way;
  try {
    // What is in the trash may go at any time: nothing new may refer to it. Looked at once the lease stands, and before
    // the packs are listed: else one that goes meanwhile would be neither in the trash nor gone.
    const trash = await trashedPacks(repo);
    await finishUploads(repo);
    const packs = await listPacks(repo);
    const { places: bad, unreadable } = await readBadFrames(repo);
    for (const name of unreadable) warn(unreadableRecord(name));
    await clearLeftovers(repo, packs, emit);
    if (!way.full) parent = await findParent(repo, order, packs, warn);
    if (source.kind === 'stream') parent = await provenParent(repo, parent, warn, signal);
    const usable = new Map([...packs].filter(([id]) => !trash.has(id)));
    const distrusted = way.distrusted ?? (await distrustedBefore(task, parent));
    return await run(task, lease, parent, { packs: usable, bad }, distrusted);
  } catch (error) {
    other = otherWay(task, way, parent, error);
  } finally {
    await cleanUp(task, lease);
  }
  return attempt(task, other);
}

/** The error itself when there is no other way. */
function otherWay({ source, warn }: Task, way: Way, { manifest }: Parent, error: unknown): Way {
  if (isStrataError(error, 'TRACKER_DISTRUSTED')) {
    return { ...way, distrusted: { tracker: String(error.params.tracker), reason: error.message } };
  }
  if (manifest === null || source.kind === 'stream' || !isStrataError(error, ...chainErrors)) throw error;
  warn(unusable(manifest, error));
  return { ...way, full: true };
}

/** What the newest point of the disk says; asking for the tracker by its name trusts it again. */
async function distrustedBefore({ repo, order }: Task, parent: Parent): Promise<Distrusted | null> {
  const { machine, disk, tracker } = order;
  if (tracker === 'off') return null;
  const newest = parent.manifest ?? (await newestOf(repo, { machine, disk }, () => undefined));
  const before = newest?.tracking?.distrusted ?? null;
  return before?.tracker === tracker ? null : before;
}

async function run(
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
    const manifest = await readAndCommit(task, lease, parent, stock, taken, distrusted);
    await settle(task, taken, manifest);
    return resultOf(manifest, warnings, secondsSince(started));
  } catch (error) {
    await giveBack(task, taken, 'abort');
    throw error;
  }
}

/** What is read in place of the source. An export that is connected is still what its server froze then: applications need not rest again. */
async function takeView(task: Task): Promise<Taken> {
  const { source } = task;
  const { view, time } = task.connected;
  if (view !== null) return { ...live(view), time };
  const taken = await whileResting(hookOrderOf(task), async (resting) =>
    worthWith(resting, await takeSnapshot(snapshotOrderOf(task))),
  );
  if (source.kind !== 'nbd') return taken;
  task.connected.time = taken.time;
  return { ...taken, view: await connected(task) };
}

/** Connects to the export, and asks for the bitmap that began with the newest point. */
async function connected(task: Task): Promise<ConnectedSource> {
  const { order, source, bitmapSince } = task;
  const contexts = bitmapSince === '' ? [] : [contextOf(bitmapSince)];
  const view = await connect(source, contexts, order.sourcePatience);
  task.connected.view = view;
  return view;
}

async function readAndCommit(
  task: Task,
  lease: Lease,
  parent: Parent,
  stock: Stock,
  taken: Taken,
  distrusted: Distrusted | null,
): Promise<Manifest> {
  const { view: source, provider, consistency, time, lost, proven } = taken;
  const { repo, order, emit, signal, stop, warnings, warn, started } = task;
  const allocation = await survey(task, source);
  const asked = await askTracker(task, parent, taken, allocation, distrusted);
  const { unchanged, auditPercent } = asked;
  const unallocated = union(allocation?.unallocated ?? [], taken.traced?.own ?? []);
  const skips = { unallocated, unchanged, auditPercent };
  const outcome = await runPipeline({
    ...{ repo, order, source, parent, ...stock, skips },
    ...{ runId: lease.id, emit, warn, stop, signal: AbortSignal.any([signal, lost]) },
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
  return commitPoint(repo, lease, {
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
}

async function askTracker(
  { order, hints, emit, warn }: Task,
  { manifest }: Parent,
  taken: Taken,
  allocation: DiskAllocation | null,
  distrusted: Distrusted | null,
): Promise<Tracking> {
  const given = hints === null ? null : { path: order.changedExtents ?? '', content: hints };
  const { tracker: policy, bitmap } = order;
  const asked = { policy, hints: given, bitmap, parent: manifest, distrusted };
  const tracking = await track({ ...asked, taken, allocation, warn });
  const { tracker, unchanged, recorded } = tracking;
  if (recorded !== null) emit({ event: 'tracked', tracker, unchanged: bytesIn(unchanged), reason: recorded.reason });
  return tracking;
}

/** What is kept rests before the point is made, which says what it was then. */
async function putToRest({ source, warn }: Task, { rest }: Taken, tracking: Tracking): Promise<Tracking> {
  const { recorded } = tracking;
  if (recorded?.kept === undefined) return tracking;
  const { kept, ...others } = recorded;
  try {
    const more = await rest();
    const generation = more === null ? kept.generation : `${kept.generation}:${more}`;
    return { ...tracking, recorded: { ...others, kept: { ...kept, generation } } };
  } catch (error) {
    warn({ code: 'CLEANUP', message: `the snapshot of ${source.path} could not be kept: ${reasonOf(error)}` });
    return { ...tracking, recorded: others };
  }
}

/** The point is made: its snapshot is kept for the next one, or goes; those that were kept before go. */
async function settle(task: Task, taken: Taken, { tracking }: Manifest): Promise<void> {
  const { repo, order, source, emit, warn } = task;
  const keeps = tracking?.kept !== undefined;
  if (keeps) {
    await taken.keep().catch((error: unknown) => {
      warn({ code: 'CLEANUP', message: `the snapshot of ${source.path} could not be kept: ${reasonOf(error)}` });
    });
  } else await giveBack(task, taken, 'success');
  const owner = { repository: repo.config.id, machine: order.machine, disk: order.disk };
  await dropKept(order.snapshotRecords, owner, keeps ? taken.id : null, emit, warn);
}

/** A snapshot that stays is no reason to fail: the next run clears it. */
async function giveBack({ source, warn }: Task, { finish }: Taken, end: 'success' | 'abort'): Promise<void> {
  await finish(end).catch((error: unknown) => {
    warn({ code: 'CLEANUP', message: `the snapshot of ${source.path} is still there: ${reasonOf(error)}` });
  });
}

/** Asks the file systems of what is read what they use. */
async function survey({ order, emit, warn }: Task, source: Source): Promise<DiskAllocation | null> {
  if (order.allocation !== 'off') emit({ event: 'stage', stage: 'allocation' });
  const allocation = await surveyAllocation(source, order.allocation);
  if (allocation !== null && order.allocation === 'required') unmapped(source.path, allocation).forEach(warn);
  return allocation;
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
    consistency: manifest.consistency ?? 'none',
    tracker: manifest.tracker,
    tracking: manifest.tracking ?? null,
    allocation: manifest.allocation ?? null,
    skipped: manifest.skipped ?? { unallocated: 0, unchanged: 0 },
    group: manifest.group ?? null,
    warnings,
    seconds,
  };
}

function secondsSince(started: number): number {
  return (Date.now() - started) / 1000;
}
