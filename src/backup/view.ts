/** What is read in place of the source: its snapshot or its export, made, asked what of it is used, kept for the next point, or given back. */
import { reasonOf } from '../errors.ts';
import type { DiskAllocation } from './allocation/disk.ts';
import { surveyAllocation, unmapped } from './allocation/survey.ts';
import { contextOf } from './nbd/bitmap.ts';
import { type ConnectedSource, connect } from './nbd/connect.ts';
import { whileResting } from './snapshots/hooks.ts';
import { dropKept } from './snapshots/leftovers.ts';
import { live, type Taken, takeSnapshot } from './snapshots/take.ts';
import type { Source } from './source.ts';
import { hookOrderOf, snapshotOrderOf, type Task, worthWith } from './task.ts';
import type { Tracking } from './trackers/track.ts';

/** What is read in place of the source. An export that is connected is still what its server froze then: applications need not rest again. */
export async function takeView(task: Task): Promise<Taken> {
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
export async function connected(task: Task): Promise<ConnectedSource> {
  const { order, source, bitmapSince } = task;
  const contexts = bitmapSince === '' ? [] : [contextOf(bitmapSince)];
  const view = await connect(source, contexts, order.sourcePatience);
  task.connected.view = view;
  return view;
}

/** Asks the file systems of what is read what they use. */
export async function survey({ order, emit, warn }: Task, source: Source): Promise<DiskAllocation | null> {
  if (order.allocation !== 'off') emit({ event: 'stage', stage: 'allocation' });
  const allocation = await surveyAllocation(source, order.allocation);
  if (allocation !== null && order.allocation === 'required') unmapped(source.path, allocation).forEach(warn);
  return allocation;
}

/** What is kept rests before the point is made, which says what it was then. */
export async function putToRest({ source, warn }: Task, { rest }: Taken, tracking: Tracking): Promise<Tracking> {
  const { recorded, keepsSnapshot } = tracking;
  if (recorded?.kept === undefined || !keepsSnapshot) return tracking;
  const { kept, ...others } = recorded;
  try {
    const more = await rest();
    const generation = more === null ? kept.generation : `${kept.generation}:${more}`;
    return { ...tracking, recorded: { ...others, kept: { ...kept, generation } } };
  } catch (error) {
    warn({ code: 'CLEANUP', message: `the snapshot of ${source.path} could not be kept: ${reasonOf(error)}` });
    return { ...tracking, keepsSnapshot: false, recorded: others };
  }
}

/** The point is made: its snapshot is kept for the next one, or goes; those that were kept before go. */
export async function settle(task: Task, taken: Taken, keepsSnapshot: boolean): Promise<void> {
  const { repo, order, source, emit, warn } = task;
  if (keepsSnapshot) {
    await taken.keep().catch((error: unknown) => {
      warn({ code: 'CLEANUP', message: `the snapshot of ${source.path} could not be kept: ${reasonOf(error)}` });
    });
  } else await giveBack(task, taken, 'success');
  const owner = { repository: repo.config.id, machine: order.machine, disk: order.disk };
  await dropKept(order.snapshotRecords, owner, keepsSnapshot ? taken.id : null, emit, warn);
}

/** A snapshot that stays is no reason to fail: the next run clears it. */
export async function giveBack({ source, warn }: Task, { finish }: Taken, end: 'success' | 'abort'): Promise<void> {
  await finish(end).catch((error: unknown) => {
    warn({ code: 'CLEANUP', message: `the snapshot of ${source.path} is still there: ${reasonOf(error)}` });
  });
}
