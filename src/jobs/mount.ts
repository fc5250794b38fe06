import type { Driver } from '../mount/drivers/driver.ts';
import { fuse } from '../mount/drivers/fuse.ts';
import { type MountResult, serveMount } from '../mount/mount.ts';
import { Records } from '../mount/records/records.ts';
import { type RepositoryAccess, withRepository } from './access.ts';
import { type Job, runJob } from './job.ts';

export type { MountResult } from '../mount/mount.ts';

const drivers = { fuse } as const satisfies Record<string, Driver>;

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
  const order = { ...request, driver: drivers[request.driver] };
  return runJob(job, (emit, signal) =>
    withRepository(access, (repo) => serveMount(repo, new Records(), order, emit, signal)),
  );
}
