/** Serves one point as a file for a drive to stand on; `attach` starts it in the background. */
import { stat } from 'node:fs/promises';
import { DriveServer } from '../mount/drive-server.ts';
import { fuse } from '../mount/drivers/fuse.ts';
import { type MountResult, serveMount } from '../mount/mount.ts';
import { OpenPoints } from '../mount/open-points.ts';
import { createOverlay, openOverlay } from '../mount/overlay.ts';
import { Records } from '../mount/records/records.ts';
import type { Content } from '../native/images.ts';
import type { Point } from '../repository/points.ts';
import type { Repository } from '../repository/repository.ts';
import { selectPoint } from '../repository/select.ts';
import { type RepositoryAccess, withReading } from './access.ts';
import { type Job, runJob } from './job.ts';

export interface DriveRequest {
  readonly spec: string;
  /** The file that writes go to, made when it is not there; null for a drive that takes none. */
  readonly overlay: string | null;
}

/** Serves a point until its mount is unmounted or the job is stopped. */
export function driveJob(access: RepositoryAccess, { spec, overlay }: DriveRequest, job: Job): Promise<MountResult> {
  return runJob(job, (emit, signal) =>
    withReading(access, emit, async (repo) => {
      const point = await selectPoint(repo, spec, emit);
      const content = await openDisk(repo, point, overlay);
      const shown = new DriveServer(point, content, overlay !== null, emit);
      const order = { directory: null, driver: fuse, allowOther: false, point: point.id, overlay };
      return serveMount(repo, new Records(), order, shown, emit, signal);
    }),
  );
}

/** The disk of a point, with an overlay for writes when one is named. */
export async function openDisk(repo: Repository, point: Point, overlay: string | null): Promise<Content> {
  const points = await OpenPoints.create(repo);
  const content = await points.image({ point, kind: 'format', format: 'raw' });
  if (overlay === null) return content;
  const subject = { repository: repo.config.id, point: point.id, size: point.size };
  if (!(await isThere(overlay))) await createOverlay(overlay, subject);
  return openOverlay(overlay, subject, content);
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
