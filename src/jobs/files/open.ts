/** A partition of a point, attached read-only in a private folder, so that its files can be looked at. */
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RepositoryAccess } from '../access.ts';
import { attachJob } from '../attach.ts';
import { detachJob } from '../detach.ts';
import { type Job, reportedFailure } from '../job.ts';

export interface PartitionOfPoint {
  readonly point: string;
  /** Null: the disk itself, when it has no partitions. */
  readonly partition: number | null;
}

/** A file system that can be looked into. */
export interface OpenPartition {
  readonly drive: string;
  /** Where it is mounted. */
  readonly root: string;
  readonly fileSystem: string | null;
  /** Detaches it; fails when something still uses it. */
  close(): Promise<void>;
}

/** Attaches a partition. Throws when it cannot be mounted, and says why. */
export async function openPartition(
  access: RepositoryAccess,
  { point, partition }: PartitionOfPoint,
  job: Job,
): Promise<OpenPartition> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-files-'));
  const leave = () => rmdir(folder).catch(() => undefined);
  try {
    const request = { spec: point, partition, at: join(folder, 'at'), writable: false, overlay: null };
    const { id, partitions } = await attachJob(access, request, job);
    const close = async () => {
      await detachJob(
        { id, force: false, commitTo: null },
        { report: () => undefined, signal: new AbortController().signal },
      );
      await leave();
    };
    const found = partitions.find(({ mountedAt }) => mountedAt !== null);
    if (found !== undefined && found.mountedAt !== null) {
      return { drive: id, root: found.mountedAt, fileSystem: found.fileSystem, close };
    }
    await close();
    const reason = partitions[0]?.reason;
    throw reportedFailure({
      code: reason?.code ?? 'MOUNT_FAILED',
      message: reason?.message ?? 'there is no file system to be opened',
      hint: reason?.hint ?? 'restore it to a file, and look with tools that know it',
      exitCode: 1,
    });
  } catch (error) {
    await leave();
    throw error;
  }
}
