import type { Driver } from '../mount/drivers/driver.ts';
import { fuse } from '../mount/drivers/fuse.ts';
import { fuseNative } from '../mount/drivers/fuse-native.ts';
import { type MountResult, serveMount } from '../mount/mount.ts';
import { MountServer } from '../mount/mount-server.ts';
import { OpenPoints } from '../mount/open-points.ts';
import { Records } from '../mount/records/records.ts';
import { LongReading } from '../repository/reading.ts';
import type { Repository } from '../repository/repository.ts';
import { type RepositoryAccess, withRepository } from './access.ts';
import { type Job, runJob } from './job.ts';
import { clearBefore } from './leftovers.ts';

export type { MountResult } from '../mount/mount.ts';

const drivers = { fuse, 'fuse-native': fuseNative } as const satisfies Record<string, Driver>;

export const driverNames = Object.keys(drivers) as readonly (keyof typeof drivers)[];

export interface MountRequest {
  readonly directory: string;
  readonly driver: keyof typeof drivers;
  readonly allowOther: boolean;
  /** Bytes of memory for opened blocks; undefined: 256 MiB. */
  readonly cacheBytes: number | undefined;
}

/** Mounts the tree of all points and serves it until it is unmounted or the job is stopped. */
export function mountJob(access: RepositoryAccess, request: MountRequest, job: Job): Promise<MountResult> {
  const { directory, driver, allowOther, cacheBytes } = request;
  const order = { directory, driver: drivers[driver], allowOther, point: null, overlay: null };
  return runJob(job, (emit, signal) => {
    const serve = async (repo: Repository) => {
      const reading = await LongReading.begin(repo, (warning) => emit({ event: 'warning', ...warning }));
      try {
        const records = new Records();
        await clearBefore(records, emit);
        const shown = new MountServer(repo, await OpenPoints.create(repo, cacheBytes), reading, emit);
        return await serveMount(repo, records, order, shown, emit, signal);
      } finally {
        await reading.end();
      }
    };
    return withRepository(access, serve, { ranges: 'kept', emit });
  });
}
