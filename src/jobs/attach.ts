import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fail, fromSystem } from '../errors.ts';
import { attachDrive, type Drive } from '../mount/attach/attach.ts';
import { driveFile } from '../mount/drive-server.ts';
import { Records } from '../mount/records/records.ts';
import { cachePath } from '../repository/caches.ts';
import { absoluteLocation } from '../repository/stores/open.ts';
import type { RepositoryAccess } from './access.ts';
import { startInBackground } from './background.ts';
import { type Job, runJob } from './job.ts';
import { clearBefore } from './leftovers.ts';
import { endMount } from './umount.ts';

export type { AttachedPartition, Drive } from '../mount/attach/attach.ts';

export interface AttachRequest {
  readonly spec: string;
  /** Only this partition; null for the whole disk. */
  readonly partition: number | null;
  /** The folder to mount in; null to mount nothing. */
  readonly at: string | null;
  readonly writable: boolean;
  /** The file that writes go to; null for one that is thrown away when the drive is detached. */
  readonly overlay: string | null;
}

export interface AttachResult extends Drive {
  readonly point: string;
  readonly overlay: string | null;
}

/** Makes a drive of a point. It stays until it is detached; a process in the background serves it. */
export function attachJob(access: RepositoryAccess, request: AttachRequest, job: Job): Promise<AttachResult> {
  return runJob(job, async (emit, signal) => {
    if (process.getuid?.() !== 0) throw fail('ATTACH_NEEDS_ROOT', {});
    const { spec, partition, at, writable } = request;
    const records = new Records();
    await clearBefore(records, emit, request.overlay && resolve(request.overlay));
    const throwaway = writable && request.overlay === null;
    const overlay = throwaway ? await nameOverlay() : request.overlay && resolve(request.overlay);
    const words = ['serve-drive', spec, ...(overlay === null ? [] : ['--overlay', overlay])];
    const mounted = await startInBackground(access, words, (warning) => emit({ ...warning, event: 'warning' }));
    const mount = await records.read(mounted.record);
    try {
      const drive = await attachDrive(
        records,
        {
          image: join(mounted.directory, driveFile),
          repository: absoluteLocation(access.location),
          point: mounted.point ?? spec,
          partition,
          at,
          writable,
          overlay,
          throwaway,
          standsOn: mounted.record,
          server: mount?.owner ?? null,
        },
        signal,
      );
      return { ...drive, point: mounted.point ?? spec, overlay };
    } catch (error) {
      if (mount !== null) await endMount(mount, { force: true });
      throw error;
    }
  });
}

/** Where the writes go that are thrown away. */
async function nameOverlay(): Promise<string> {
  const folder = cachePath('overlays');
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw fromSystem(error, `cannot make the cache folder ${folder}`);
  });
  return join(folder, `overlay-${randomBytes(8).toString('hex')}`);
}
