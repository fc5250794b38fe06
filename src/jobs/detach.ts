import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BackupResult, backup } from '../backup/backup.ts';
import { fail, isStrataError } from '../errors.ts';
import { detachDrive } from '../mount/attach/detach.ts';
import { driveFile } from '../mount/drive-server.ts';
import type { MountRecord } from '../mount/records/record.ts';
import { Records } from '../mount/records/records.ts';
import type { Emit } from '../repository/events.ts';
import { readPoint } from '../repository/points.ts';
import { type RepositoryAccess, withRepository } from './access.ts';
import { type Job, runJob } from './job.ts';
import { endMount, mountPoint } from './umount.ts';

export interface DetachRequest {
  readonly id: string;
  readonly force: boolean;
  /** The repository to make a new point in of what the drive holds now; null to make none. */
  readonly commitTo: RepositoryAccess | null;
}

export interface DetachResult {
  readonly id: string;
  /** The point that was made of it. */
  readonly committed: BackupResult | null;
  /** The overlay, when it is kept. */
  readonly overlay: string | null;
}

/** Takes a drive apart, commits what was written to it if that is wanted, and ends the process that served it. */
export function detachJob({ id, force, commitTo }: DetachRequest, job: Job): Promise<DetachResult> {
  return runJob(job, async (emit, signal) => {
    const records = new Records();
    if (commitTo !== null) await requireOverlay(records, id);
    const drive = await detachDrive(records, id, { force });
    const mount = drive.standsOn === null ? null : await records.read(drive.standsOn);
    const committed = commitTo === null ? null : await commit(commitTo, drive, mount, emit, signal);
    if (mount !== null) await endMount(mount, { force });
    const { overlay, throwaway } = drive;
    if (overlay === null || !throwaway) return { id, committed, overlay };
    await rm(overlay, { force: true });
    return { id, committed, overlay: null };
  });
}

async function requireOverlay(records: Records, id: string): Promise<void> {
  const record = await records.read(id);
  if (record?.kind !== 'drive') throw fail('DRIVE_NOT_FOUND', { id });
  if (record.overlay === null) throw fail('DRIVE_READ_ONLY', { id });
}

/** Backs up what the drive showed, as the next point of its disk. When that fails the overlay is what is left of it. */
async function commit(
  access: RepositoryAccess,
  drive: MountRecord,
  mount: MountRecord | null,
  emit: Emit,
  signal: AbortSignal,
): Promise<BackupResult> {
  const folder = mount === null ? null : mountPoint(mount);
  const point = drive.point ?? '';
  try {
    if (folder === null) throw fail('NOT_MOUNTED', { path: `drive ${drive.id}` });
    return await withRepository(access, async (repo) => {
      const { machine, disk } = await readPoint(repo, point);
      const note = `committed from a drive of ${point}`;
      // Read whole: it is to be just what the drive showed.
      const request = { source: join(folder, driveFile), machine, disk, note, allocation: 'off' } as const;
      return backup(repo, request, emit, signal);
    });
  } catch (error) {
    if (mount !== null) await endMount(mount, { force: false });
    if (!isStrataError(error) || drive.overlay === null) throw error;
    throw fail('COMMIT_FAILED', { point, overlay: drive.overlay, reason: error.message }, { cause: error });
  }
}
