/**
 * The metadata of a thin pool stands still for a reader while a snapshot of it is held, of which a pool has one. It outlives
 * its holder, and restarts: so it is written down before, as snapshots are.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { failpoint } from '../../repository/failpoint.ts';
import { mapperName, poolStatus, sendMessage, statusOf } from './device-mapper.ts';
import { volumeNamed } from './logical-volumes.ts';
import type { HeldRecord } from './records.ts';

/** What the place of such a record begins with; `group/pool` follows. */
export const heldPrefix = 'metadata:';

/** Another backup needs it for a moment only. */
const patience = 30_000;

/**
 * Does something while the metadata of `group/pool` stands still; gives what keeps it from that as a text. `note` writes
 * down that it is held.
 */
export async function whileHeld<Result>(
  pool: { readonly group: string; readonly name: string },
  note: (places: readonly string[]) => Promise<HeldRecord>,
  work: () => Promise<Result>,
): Promise<Result | string> {
  const device = mapperName(pool.group, pool.name, 'tpool');
  for (const until = Date.now() + patience; ; await pause(200)) {
    const status = poolStatus(await statusOf(device));
    if (status === null) return `the pool ${device} does not say how it is`;
    if (!status.metadataHeld) break;
    if (Date.now() > until) return `another program holds the metadata of the pool ${device}`;
  }
  const record = await note([`${heldPrefix}${pool.group}/${pool.name}`]);
  try {
    await sendMessage(device, 'reserve_metadata_snap');
  } catch (error) {
    // Somebody else was quicker, and holds it: that is not ours to release.
    await record.close();
    throw error;
  }
  try {
    failpoint('tracker.held');
    return await work();
  } finally {
    await sendMessage(device, 'release_metadata_snap');
    await record.close();
  }
}

/** Releases what a dead process held of `group/pool`. */
export async function releaseMetadata(place: string): Promise<void> {
  const [group = '', pool = ''] = place.split('/');
  const device = mapperName(group, pool, 'tpool');
  const status = await statusOf(device);
  if (status === null) {
    // Asleep, it keeps what is held of it; only with the pool itself that is gone.
    if ((await volumeNamed(group, pool)) === null) return;
    throw new Error(`the pool ${place} is not active, and its metadata is held`);
  }
  if (poolStatus(status)?.metadataHeld) await sendMessage(device, 'release_metadata_snap');
}
