/**
 * A snapshot of a logical volume (`lvcreate --snapshot`): the kernel copies what is about to be overwritten into a room of
 * its own. When that is full the snapshot is void, which is watched for.
 */
import { fail, isStrataError, reasonOf, type StrataError } from '../../errors.ts';
import { failpoint } from '../../repository/failpoint.ts';
import type { Source } from '../source.ts';
import { mapperName, snapshotSeen, statusOf } from './device-mapper.ts';
import { Guarding } from './guarding.ts';
import { type LogicalVolume, makeSnapshot, pathOf, removeSnapshot, volumeBehind } from './logical-volumes.ts';
import type { SnapshotProvider, SnapshotSize, SnapshotWish } from './provider.ts';

/** A share of a small volume would be full at once. */
const leastRoom = 32 * 1024 ** 2;
const sector = 512;

export const lvm: SnapshotProvider = {
  name: 'lvm',
  consistency: 'crash',
  byNameOnly: false,
  survivesRestart: true,

  async obstacle(wish) {
    const found = await lookAt(wish);
    if (typeof found === 'string') return found;
    // Then making it fails, and that the source is read without one is not passed over in silence.
    if (found instanceof Error) return null;
    if (found.kind === 'thin') return 'it is a thin volume, of which the provider thin makes snapshots';
    return found.kind === 'snapshot' ? 'it is a snapshot itself' : null;
  },

  async plan({ source, id }) {
    return [`${(await originOf(source, 'lvm')).group}/strata-${id}`];
  },

  async create({ source, id, size }) {
    const origin = await originOf(source, 'lvm');
    const name = `strata-${id}`;
    failpoint('snapshot.volume');
    await makeSnapshot(origin, name, ['--size', `${roomFor(origin.size, size)}b`]);
    const device = mapperName(origin.group, name);
    const guarding = await Guarding.begin(id, source.path, async () => snapshotSeen(await statusOf(device)));
    const path = pathOf({ group: origin.group, name });
    return guarding.view(path);
  },

  async end([place = ''], _end, id) {
    Guarding.end(id);
    failpoint('snapshot.remove');
    await removeSnapshot(place, id);
  },
};

/** The volume that a source is, or why it is none; an error when it is one of which the tools cannot tell more. */
export async function lookAt({ source }: SnapshotWish): Promise<LogicalVolume | string | StrataError> {
  if (source.kind !== 'device') return 'it is no block device';
  try {
    return (await volumeBehind(source)) ?? 'it is no logical volume';
  } catch (error) {
    if (isStrataError(error)) return error;
    throw error;
  }
}

/** The volume that a snapshot is made of: SNAPSHOT_FAILED. */
export async function originOf(source: Source, provider: 'lvm' | 'thin'): Promise<LogicalVolume> {
  const origin = await volumeBehind(source).catch((error: unknown) => reasonOf(error));
  if (origin !== null && typeof origin !== 'string') return origin;
  throw fail('SNAPSHOT_FAILED', { path: source.path, provider, reason: origin ?? 'it is no logical volume any more' });
}

/** Bytes for what is written meanwhile: whole sectors. */
export function roomFor(origin: number, size: SnapshotSize): number {
  const bytes = 'bytes' in size ? size.bytes : Math.max((origin * size.percent) / 100, leastRoom);
  return Math.ceil(bytes / sector) * sector;
}
