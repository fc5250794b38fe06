/** What each kind of saved job does: the same job functions that the commands call. */
import { fail } from '../../errors.ts';
import type { RepositoryAccess } from '../access.ts';
import { type BackupResult, backupJob } from '../backup.ts';
import type { Job } from '../job.ts';
import { type VerifyResult, verifyJob } from '../verify.ts';
import type { SavedJob } from './saved-job.ts';

/** What came of it, by the kind of job. */
export type Performed =
  | { readonly kind: 'backup'; readonly result: BackupResult }
  | { readonly kind: 'verify'; readonly result: VerifyResult };

/** Does what a saved job is for, or says what it would do: USAGE for a kind of which there is no dry run. */
export async function perform(
  saved: SavedJob,
  access: RepositoryAccess,
  { dryRun }: { readonly dryRun: boolean },
  job: Job,
): Promise<Performed> {
  switch (saved.kind) {
    case 'backup':
      return { kind: 'backup', result: await backupJob(access, { ...saved.settings, dryRun }, job) };
    case 'verify': {
      if (dryRun) throw fail('USAGE', { problem: 'a verify job has no dry run: it writes nothing but what it found' });
      const request = { specs: [], all: true, samplePercent: saved.settings.samplePercent };
      return { kind: 'verify', result: await verifyJob(access, request, job) };
    }
  }
}
