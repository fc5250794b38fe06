import { findLeftovers } from '../mount/janitor.ts';
import type { MountRecord } from '../mount/records/record.ts';
import { fileSystemsOf, loopsOf } from '../mount/records/record.ts';
import { Records } from '../mount/records/records.ts';
import type { Emit } from '../repository/events.ts';
import { mountPoint } from './umount.ts';

/** A mount, a drive or an export over NBD on this machine. */
export interface MountedThing {
  readonly id: string;
  readonly kind: MountRecord['kind'];
  /** What a dead process left is of no use, and `doctor --fix` clears it. */
  readonly state: MountRecord['state'] | 'leftover';
  readonly repository: string;
  /** Null when it shows all points. */
  readonly point: string | null;
  /** Where it, or what is on it, is mounted. */
  readonly directories: readonly string[];
  readonly devices: readonly string[];
  /** What clients of an export connect to. */
  readonly uri: string | null;
  readonly overlay: string | null;
  readonly since: string;
  readonly pid: number | null;
}

/** Mounts, drives and exports of this user, oldest first; those that only serve a drive are left out. */
export async function mountsJob(emit: Emit): Promise<MountedThing[]> {
  const found = new Records();
  const { records, unreadable } = await found.list();
  for (const { path, reason } of unreadable) {
    emit({ event: 'warning', code: 'LEFTOVER', message: `${path} cannot be read: ${reason}` });
  }
  const dead = new Set((await findLeftovers(found)).map(({ record }) => record.id));
  const inside = new Set(records.map(({ standsOn }) => standsOn));
  return records.filter(({ id }) => !inside.has(id)).map((record) => describe(record, dead.has(record.id)));
}

function describe(record: MountRecord, isDead: boolean): MountedThing {
  const { id, kind, repository, point, overlay, since, owner, uri } = record;
  const own = mountPoint(record);
  return {
    id,
    kind,
    state: isDead ? 'leftover' : record.state,
    repository,
    point,
    directories: [...(own === null ? [] : [own]), ...fileSystemsOf(record).map(({ at }) => at)],
    devices: loopsOf(record).map(({ device }) => device),
    uri,
    overlay,
    since,
    pid: owner?.pid ?? null,
  };
}
