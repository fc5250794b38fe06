/** Takes a drive apart: file systems, then the devices of the partitions, then that of the disk. */
import { fail } from '../../errors.ts';
import { type Here, thisProcess } from '../../repository/here.ts';
import { busy, findHolders, type Holder } from '../holders.ts';
import { identityOf, isGone } from '../processes.ts';
import { Journal } from '../records/journal.ts';
import { fileSystemsOf, loopsOf, type MountRecord } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import { undo } from '../undo.ts';
import { until } from '../until.ts';
import { isAttached } from './loop.ts';

/** Milliseconds that programs such as udev's look at a new device. */
const glance = 1000;

export interface DetachOptions {
  /** Do not wait for programs that use it: the kernel lets go when they end. */
  readonly force: boolean;
}

/**
 * Detaches a drive, and gives its record, which tells the overlay and the mount that it stood on. IN_USE names whoever
 * uses it, and leaves it whole.
 */
export async function detachDrive(
  records: Records,
  id: string,
  { force }: DetachOptions,
  here: Here = thisProcess(),
): Promise<MountRecord> {
  const record = await records.read(id);
  if (record === null || record.kind !== 'drive') throw fail('DRIVE_NOT_FOUND', { id });
  const restarted = record.bootId !== here.bootId;
  await requireSettled(record, here);
  if (!force && !restarted) await requireUnused(record);
  const journal = await Journal.end(records, record, here);
  try {
    await undo(record, { force, restarted });
  } catch (error) {
    await records.write(record);
    throw error;
  }
  await keepMount(records, record, here);
  await journal.close();
  return record;
}

/** What the drive stood on is now for the caller: to be read once more, or ended. If he dies the janitor ends it. */
async function keepMount(records: Records, { standsOn }: MountRecord, here: Here): Promise<void> {
  const mount = standsOn === null ? null : await records.read(standsOn);
  if (mount !== null) await records.write({ ...mount, client: identityOf(here) });
}

async function requireSettled({ id, state, owner }: MountRecord, here: Here): Promise<void> {
  if (state === 'ready' || owner === null || (await isGone(owner, here))) return;
  throw fail('IN_USE', { what: `drive ${id}`, holders: `process ${owner.pid} is just ${state} it` });
}

/** Before anything is undone: half a drive is of no use to who is still at work on it. */
async function requireUnused(record: MountRecord): Promise<void> {
  const devices: string[] = [];
  for (const loop of loopsOf(record)) if (await isAttached(loop)) devices.push(loop.device);
  const folders = fileSystemsOf(record).filter(({ device }) => devices.includes(device));
  let holders: Holder[] = [];
  const isFree = async () => {
    holders = await findHolders({ folders: folders.map(({ at }) => at), devices });
    return holders.length === 0;
  };
  if (!(await until(isFree, glance))) throw busy(`drive ${record.id}`, holders);
}
