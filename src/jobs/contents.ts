/** What lies in a repository, beside its points: for who looks after it. */
import { thisProcess } from '../repository/here.ts';
import { type KeyInfo, listKeys } from '../repository/keys.ts';
import { listKnownPoints } from '../repository/known-points.ts';
import { findLeases, type LeaseRecord } from '../repository/leases.ts';
import { listPacks } from '../repository/packs.ts';
import { readTrash } from '../repository/trash.ts';
import { type RepositoryAccess, withRepository } from './access.ts';

/** Who is at work in the repository, or was when it died. */
export type Worker = Pick<LeaseRecord, 'purpose' | 'machine' | 'disk' | 'host' | 'pid' | 'since'> & {
  readonly dead: boolean;
};

export interface ForgottenPoint {
  readonly id: string;
  readonly machine: string;
  readonly disk: string;
  readonly time: string;
}

export interface RepositoryContents {
  readonly id: string;
  readonly location: string;
  readonly encryption: string;
  /** Bytes. */
  readonly blockSize: number;
  readonly packs: { readonly count: number; readonly bytes: number };
  readonly keys: readonly KeyInfo[];
  readonly workers: readonly Worker[];
  /** One for each collection whose trash has not been removed: when it was put there, how much of it are packs. */
  readonly trash: readonly { readonly time: string; readonly packs: number; readonly bytes: number }[];
  /** Newest first; `undelete` brings one back until it is collected. */
  readonly forgotten: readonly ForgottenPoint[];
}

/** Looks at what there is; nothing is checked. */
export function contentsJob(access: RepositoryAccess): Promise<RepositoryContents> {
  return withRepository(access, async (repo) => {
    const packs = await listPacks(repo);
    const bytesOf = (name: string) => packs.get(name.slice('packs/xx/'.length))?.bytes ?? 0;
    const leases = await findLeases(repo, thisProcess());
    const { points: forgotten } = await listKnownPoints(repo, { forgotten: true });
    const trash = (await readTrash(repo)).map(({ time, names }) => {
      const trashed = [...names].filter((name) => name.startsWith('packs/'));
      return { time, packs: trashed.length, bytes: sum(trashed.map(bytesOf)) };
    });
    return {
      id: repo.config.id,
      location: repo.location,
      encryption: repo.config.encryption,
      blockSize: repo.config.blockSize,
      packs: { count: packs.size, bytes: sum([...packs.values()].map(({ bytes }) => bytes)) },
      keys: repo.keyId === null ? [] : await listKeys(repo),
      workers: leases.flatMap(({ record, dead }) => (record === null ? [] : [workerOf(record, dead)])),
      trash,
      forgotten: forgotten.map(({ id, machine, disk, time }) => ({ id, machine, disk, time })),
    };
  });
}

function workerOf({ purpose, machine, disk, host, pid, since }: LeaseRecord, dead: boolean): Worker {
  return { purpose, machine, disk, host, pid, since, dead };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
