/**
 * A snapshot of ZFS: of a volume, or of the dataset that an image file lies in. It is of one instant; of a file also what was
 * not synced is in it. It needs no room of its own, and can be kept for the tracker.
 *
 * A file is read below `.zfs/snapshot`. A volume is read as a clone of the snapshot, which has a device: showing the snapshot
 * itself (snapdev) would change a property of the volume, which a killed run would leave.
 */
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fail, isStrataError, reasonOf } from '../../errors.ts';
import { blockDeviceAt } from '../../repository/devices.ts';
import { failpoint } from '../../repository/failpoint.ts';
import { devicePath, type Place, placeOf } from '../zfs/place.ts';
import { hold, letGo, makeClone, makeSnapshots, nameFor, removeClone, snapshotNamed } from '../zfs/tool.ts';
import type { SnapshotProvider, SnapshotWish } from './provider.ts';

/** Milliseconds until udev has named a new device. */
const patience = 30_000;

export const zfs: SnapshotProvider = {
  name: 'zfs',
  consistency: 'crash',
  byNameOnly: false,
  survivesRestart: true,

  async obstacle({ source }) {
    try {
      const place = await placeOf(source);
      return typeof place === 'string' ? place : null;
    } catch (error) {
      if (isStrataError(error)) return error.message;
      throw error;
    }
  },

  async plan(wish) {
    const { kind, dataset } = await placeFor(wish);
    const snapshot = `${dataset}@${nameFor(wish.joint ?? wish.id)}`;
    // Beside the volume, where the same keys are loaded.
    return kind === 'volume' ? [snapshot, `${dirname(dataset)}/${nameFor(wish.id)}`] : [snapshot];
  },

  async create(wish, [name = '', clone = '']) {
    const { source, id, joint } = wish;
    const place = await placeFor(wish);
    failpoint('snapshot.dataset');
    if (joint === undefined) await makeSnapshots([place.dataset], id);
    failpoint('snapshot.held');
    await hold([name], id);
    const made = await snapshotNamed(name);
    if (made === null) throw failed(source.path, 'it is gone at once');
    failpoint('snapshot.show');
    const path = await (place.kind === 'file' ? showFile(place, name) : showVolume(name, clone, id)).catch((error) => {
      throw failed(source.path, reasonOf(error));
    });
    const proven = async () => {
      const now = await snapshotNamed(name).catch(reasonOf);
      if (now !== null && typeof now !== 'string' && now.guid === made.guid) return;
      const reason = typeof now === 'string' ? now : `somebody destroyed ${name}`;
      throw fail('SNAPSHOT_LOST', { path: source.path, reason });
    };
    return { path, named: name, proven };
  },

  async keep([, clone], id) {
    if (clone !== undefined) await removeClone(clone, id);
    return null;
  },

  async end(places, _end, id) {
    failpoint('snapshot.remove');
    for (const clone of places.filter((place) => !place.includes('@'))) await removeClone(clone, id);
    for (const snapshot of places.filter((place) => place.includes('@'))) await letGo(snapshot, id);
  },
};

/** Makes snapshots of several datasets of one pool, of one instant, which whoever reads them holds, too. */
export async function snapshotTogether(places: readonly string[], id: string): Promise<void> {
  await makeSnapshots(
    places.map((place) => place.slice(0, place.indexOf('@'))),
    id,
  );
  await hold(places, id);
}

async function placeFor({ source }: SnapshotWish): Promise<Place> {
  const place = await placeOf(source);
  if (typeof place === 'string') throw failed(source.path, place);
  return place;
}

/** The path of the file in the snapshot, which is mounted when somebody looks. */
async function showFile({ snapshots, within }: Place & { readonly kind: 'file' }, name: string): Promise<string> {
  const path = join(snapshots, name.slice(name.indexOf('@') + 1), within);
  await (await open(path, 'r')).close();
  return path;
}

/** The path of the device of a new clone. */
async function showVolume(name: string, clone: string, id: string): Promise<string> {
  await makeClone(name, clone, id);
  const path = devicePath(clone);
  for (const until = Date.now() + patience; (await blockDeviceAt(path)) === null; await pause(50)) {
    if (Date.now() > until) throw new Error(`${path} did not come within ${patience / 1000} s (does udev run?)`);
  }
  return path;
}

function failed(path: string, reason: string) {
  return fail('SNAPSHOT_FAILED', { path, provider: 'zfs', reason });
}
