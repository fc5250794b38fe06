import { type BackupRequest, type BackupResult, backup } from '../backup/backup.ts';
import { type RepositoryAccess, withRepository } from './access.ts';
import { type Job, runJob } from './job.ts';

export type { BackupRequest, BackupResult } from '../backup/backup.ts';

/** Makes a restore point of a source. */
export function backupJob(access: RepositoryAccess, request: BackupRequest, job: Job): Promise<BackupResult> {
  return runJob(job, (emit, signal) => withRepository(access, (repo) => backup(repo, request, emit, signal)));
}
