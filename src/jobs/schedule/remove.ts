import { access } from 'node:fs/promises';
import { fail } from '../../errors.ts';
import { installedAt } from './install.ts';
import type { Places } from './places.ts';
import { jobPath, removeSavedJob } from './saved-jobs.ts';

export interface RemoveResult {
  readonly dryRun: boolean;
  readonly path: string;
}

/** Removes a saved job, or says which file would go. JOB_INSTALLED while systemd would go on starting it. */
export async function removeJob(
  { name, dryRun }: { readonly name: string; readonly dryRun: boolean },
  places: Places,
): Promise<RemoveResult> {
  const path = jobPath(places.jobs, name);
  await access(path).catch((cause: unknown) => {
    throw fail('JOB_NOT_FOUND', { job: name }, { cause });
  });
  const unit = await installedAt(name);
  if (unit !== null) throw fail('JOB_INSTALLED', { job: name, path: unit });
  if (!dryRun) await removeSavedJob(places.jobs, name);
  return { dryRun, path };
}
