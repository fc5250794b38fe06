/**
 * Clears what killed processes left: mounts, devices and folders that our records tell of, and nothing else.
 *
 * All of it can be done again: a janitor that is killed leaves the record, and the next one goes on.
 */
import { isDeepStrictEqual } from 'node:util';
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
  /**
   * The process it needs is dead, the machine was restarted, all of it was taken away by hand, or it is a mount for a
   * drive that is gone or never came to be.
   */
  readonly cause: 'process-dead' | 'restarted' | 'gone' | 'abandoned';
}

export interface ClearedLeftover extends Leftover {
  /** What kept it from being cleared; then its record stays. */
  readonly trouble: StrataError | null;
}

/** The records of what is of no use any more, oldest first. */
export async function findLeftovers(records: Records, here: Here = thisProcess()): Promise<Leftover[]> {
  const found = (await records.list()).records;
  const causes = new Map<string, Leftover['cause']>();
  for (const record of found) {
    const cause = await causeOf(record, here);
    if (cause !== null) causes.set(record.id, cause);
  }
  for (const id of await findAbandoned(records, found, causes, here)) causes.set(id, 'abandoned');
  return found.flatMap((record) => {
    const cause = causes.get(record.id);
    return cause === undefined ? [] : [{ record, cause }];
  });
}

/**
 * Undoes all leftovers as far as it can, and gives what it found. Overlays are kept, but for those that nobody named of
 * exports over NBD; `naming` is one that is being named now.
 */
export async function clearLeftovers(
  records: Records,
  here: Here = thisProcess(),
  naming: string | null = null,
): Promise<ClearedLeftover[]> {
  const leftovers = await findLeftovers(records, here);
  // First of all nothing may hang: what waits for a dying server gets its error.
  for (const leftover of leftovers) await cutOffServers(leftover);
  const cleared: ClearedLeftover[] = [];
  // Drives are younger than the mounts that they stand on.
  for (const leftover of leftovers.toReversed()) {
    const trouble = await clear(records, leftover, naming).then(
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

/**
 * Mounts for drives that nobody needs. Drives come and go meanwhile, so the order counts: a client that is gone has
 * written down its drive before, and who detaches one makes itself the client before the record of the drive goes.
 */
async function findAbandoned(
  records: Records,
  found: readonly MountRecord[],
  dead: ReadonlyMap<string, unknown>,
  here: Here,
): Promise<string[]> {
  const candidates: MountRecord[] = [];
  for (const record of found) {
    const isForDrive = record.kind === 'mount' && record.point !== null && record.state === 'ready';
    const isFree = isForDrive && !dead.has(record.id) && record.client !== null && (await isGone(record.client, here));
    if (isFree) candidates.push(record);
  }
  if (candidates.length === 0) return [];
  const now = await records.list();
  if (now.unreadable.length > 0) return [];
  const used = new Set(now.records.filter(({ id }) => !dead.has(id)).map(({ standsOn }) => standsOn));
  const abandoned: string[] = [];
  for (const { id, client } of candidates) {
    const isSame = isDeepStrictEqual((await records.read(id))?.client, client);
    if (isSame && !used.has(id)) abandoned.push(id);
  }
  return abandoned;
}

async function cutOffServers({ record, cause }: Leftover): Promise<void> {
  if (cause !== 'process-dead') return;
  for (const piece of record.pieces) {
    if (piece.kind !== 'fuse') continue;
    const mounted = await mountOf(piece);
    if (mounted !== null) await cutOff(mounted.device, record.id);
  }
}

async function clear(records: Records, { record, cause }: Leftover, naming: string | null): Promise<void> {
  await commandsEnded(record.id);
  const others = (await records.list()).records.filter(({ id }) => id !== record.id);
  const named = [naming, ...others.map(({ overlay }) => overlay)];
  await undo(record, { force: true, restarted: cause === 'restarted', named });
  await records.remove(record.id);
}
