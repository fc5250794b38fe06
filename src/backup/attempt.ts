/** The attempts at a point: what turns out to be wrong with a parent or a tracker leads to another one without it. */
import { randomBytes } from 'node:crypto';
import { isStrataError, reasonOf } from '../errors.ts';
import { readBadFrames, unreadableRecord } from '../repository/bad-frames.ts';
import { Lease, renewalWarning } from '../repository/lease.ts';
import { clearLeftovers, finishUploads } from '../repository/leftovers.ts';
import { listPacks } from '../repository/packs.ts';
import { trashedPacks } from '../repository/trash.ts';
import { chainErrors, findParent, newestOf, noParent, type Parent, provenParent, unusable } from './parent.ts';
import type { BackupResult } from './result.ts';
import { run } from './run.ts';
import type { Task } from './task.ts';
import type { Distrusted } from './trackers/track.ts';

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

/** What is left in tmp/ goes. When that fails the run has succeeded or failed without it: a warning is enough. */
async function cleanUp({ repo, warn }: Task, lease: Lease): Promise<void> {
  for (const result of await Promise.allSettled([repo.store.clearSpool(lease.id), lease.release()])) {
    if (result.status === 'fulfilled') continue;
    warn({ code: 'CLEANUP', message: `something of run ${lease.id} is left in tmp/: ${reasonOf(result.reason)}` });
  }
}
