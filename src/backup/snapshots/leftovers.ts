/** Snapshots that nobody needs any more: of killed processes, and kept ones that a newer one has followed. */
import { reasonOf } from '../../errors.ts';
import type { Emit, Warning } from '../../repository/events.ts';
import { thisProcess } from '../../repository/here.ts';
import { providerOf } from './providers.ts';
import { type SnapshotOwner, type SnapshotRecord, takeOrphans } from './records.ts';

/** Removes what killed processes left; what cannot be removed is told, and its record stays. */
export async function clearOrphans(folder: string, emit: Emit, warn: (warning: Warning) => void): Promise<void> {
  await takeAll(folder, warn, async (record) => !record.kept && remove(record, emit, warn));
}

/** Records of snapshots that killed processes left, and of those that are kept for the next backup of their disk. */
export async function findSnapshots(folder: string): Promise<readonly SnapshotRecord[]> {
  const found: SnapshotRecord[] = [];
  await takeOrphans(folder, async (record) => {
    found.push(record);
    return false;
  });
  return found;
}

/** Removes the snapshots that are kept of a disk, but for the newest one when its id is given. */
export async function dropKept(
  folder: string,
  owner: SnapshotOwner,
  newest: string | null,
  emit: Emit,
  warn: (warning: Warning) => void,
): Promise<void> {
  await takeAll(folder, warn, async (record) => {
    if (!record.kept || record.id === newest || !isSame(record.owner, owner)) return false;
    return remove(record, emit, warn);
  });
}

/** What keeps records from being read is no reason not to back up. */
async function takeAll(
  folder: string,
  warn: (warning: Warning) => void,
  clear: (record: SnapshotRecord) => Promise<boolean>,
): Promise<void> {
  await takeOrphans(folder, clear).catch((error: unknown) => {
    warn({ code: 'LEFTOVER', message: `snapshots that nobody needs may be still there: ${reasonOf(error)}` });
  });
}

async function remove(record: SnapshotRecord, emit: Emit, warn: (warning: Warning) => void): Promise<boolean> {
  const { id, provider, source, places, bootId } = record;
  try {
    const { end, survivesRestart } = providerOf(provider);
    if (survivesRestart || bootId === thisProcess().bootId) await end(places, 'orphan', id);
    emit({ event: 'snapshot', act: record.kept ? 'dropped' : 'cleared', provider, source });
    return true;
  } catch (error) {
    const message = `the snapshot ${places.join(', ')} of ${source}, which nobody needs, is still there: ${reasonOf(error)}`;
    warn({ code: 'LEFTOVER', message });
    return false;
  }
}

function isSame(a: SnapshotOwner, b: SnapshotOwner): boolean {
  return a.repository === b.repository && a.machine === b.machine && a.disk === b.disk;
}
