import { type BackupRequest, type BackupResult, backup } from '../backup/backup.ts';
import { fail } from '../errors.ts';
import { type RepositoryAccess, withRepository } from './access.ts';
import { type Job, runJob } from './job.ts';

export type { BackupRequest, BackupResult } from '../backup/backup.ts';

/**
 * Makes a restore point of a source. With a passphrase given, only in an encrypted repository: whoever can write to
 * the store could put another strata.json there, and have the next backup made readable.
 */
export function backupJob(access: RepositoryAccess, request: BackupRequest, job: Job): Promise<BackupResult> {
  return runJob(job, (emit, interrupt) => {
    const early = new AbortController();
    const signal = AbortSignal.any([interrupt, early.signal]);
    return withRepository(
      access,
      async (repo) => {
        const { location, config } = repo;
        if (access.passphraseGiven && config.encryption === 'none') throw fail('ENCRYPTION_EXPECTED', { location });
        return backup(repo, request, emit, signal, (reason) => early.abort(reason));
      },
      { emit, signal },
    );
  });
}
