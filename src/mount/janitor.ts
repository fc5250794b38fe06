/**
 * Clears what killed processes left: mounts, devices and folders that our records tell of, and nothing else.
 *
 * All of it can be done again: a janitor that is killed leaves the record, and the next one goes on.
 */
import { fromSystem, type StrataError } from '../errors.ts';
import { type Here, thisProcess } from '../repository/here.ts';
import { commandsEnded } from './command.ts';
import { cutOff, mountOf } from './fuse-mounts.ts';
import { isGone } from './processes.ts';
import type { MountRecord } from './records/record.ts';
import type { Records } from './records/records.ts';
import { isAnythingLeft, undo } from './undo.ts';

export interface Leftover {
  readonly record: MountRecord;
  /** The process it needs is dead, the machine was restarted, or all of it was taken away by hand. */
  readonly cause: 'process-dead' | 'restarted' | 'gone';
}

export interface ClearedLeftover extends Leftover {
  /** What kept it from being cleared; then its record stays. */
  readonly trouble: StrataError | null;
}

/** The records of what is of no use any more. */
export async function findLeftovers(records: Records, here: Here = thisProcess()): Promise<Leftover[]> {
  const leftovers: Leftover[] = [];
  for (const record of (await records.list()).records) {
    const cause = await causeOf(record, here);
    if (cause !== null) leftovers.push({ record, cause });
  }
  return leftovers;
}

/** Undoes all leftovers as far as it can, and gives what it found. Overlays are kept. */
export async function clearLeftovers(records: Records, here: Here = thisProcess()): Promise<ClearedLeftover[]> {
  const leftovers = await findLeftovers(records, here);
  // First of all nothing may hang: what waits for a dying server gets its error.
  for (const leftover of leftovers) await cutOffServers(leftover);
  const cleared: ClearedLeftover[] = [];
  // What was made last stands on what was made before: drives on mounts.
  for (const leftover of leftovers.toReversed()) {
    const trouble = await clear(records, leftover).then(
      () => null,
      (error: unknown) => fromSystem(error, `cannot clear ${leftover.record.id}`),
    );
    cleared.push({ ...leftover, trouble });
  }
  await records.clearUnfinished((pid) => here.startOf(pid) !== null);
  return cleared;
}

async function causeOf(record: MountRecord, here: Here): Promise<Leftover['cause'] | null> {
  if (record.bootId !== here.bootId) return 'restarted';
  if (record.owner !== null) return (await isGone(record.owner, here)) ? 'process-dead' : null;
  return (await isAnythingLeft(record)) ? null : 'gone';
}

async function cutOffServers({ record, cause }: Leftover): Promise<void> {
  if (cause !== 'process-dead') return;
  for (const piece of record.pieces) {
    if (piece.kind !== 'fuse') continue;
    const mounted = await mountOf(piece);
    if (mounted !== null) await cutOff(mounted.device, record.id);
  }
}

async function clear(records: Records, { record, cause }: Leftover): Promise<void> {
  await commandsEnded(record.id);
  await undo(record, { force: true, restarted: cause === 'restarted' });
  await records.remove(record.id);
}
