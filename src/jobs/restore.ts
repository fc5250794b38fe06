import { type RestoreRequest, type RestoreResult, restore } from '../restore/restore.ts';
import { type RepositoryAccess, withRepository } from './access.ts';
import { type Job, runJob } from './job.ts';

export type { RestoreRequest, RestoreResult } from '../restore/restore.ts';

/** Writes a point to a file or a device. */
export function restoreJob(access: RepositoryAccess, request: RestoreRequest, job: Job): Promise<RestoreResult> {
  return runJob(job, (emit, signal) => withRepository(access, (repo) => restore(repo, request, emit, signal)));
}
