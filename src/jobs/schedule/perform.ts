/** What each kind of saved job does: the same job functions that the commands call. */
import { fail, isStrataError } from '../../errors.ts';
import type { RepositoryAccess } from '../access.ts';
import { type BackupResult, backupJob } from '../backup.ts';
import { type BackupDisksResult, backupDisksJob } from '../backup-disks.ts';
import { type ConsolidationResult, consolidateJob } from '../consolidate.ts';
import { type ForgetByRulesResult, forgetByRulesJob } from '../forget.ts';
import { describeFailure, type Failure, type Job, runJob } from '../job.ts';
import { type VerifyResult, verifyJob } from '../verify.ts';
import type { SavedJob } from './saved-job.ts';

/** What came of it, by the kind of job. */
export type Performed =
  | {
      readonly kind: 'backup';
      readonly result: BackupResult;
      /** Null without rules what to keep, and when it failed. */
      readonly forgetting: ForgetByRulesResult | null;
      /** Of the forgetting: the point is made all the same. */
      readonly failure: Failure | null;
    }
  | {
      readonly kind: 'backup-disks';
      readonly result: BackupDisksResult;
      /** Of each disk that got its point. */
      readonly forgetting: readonly ForgetByRulesResult[];
      /** Of the first disk that failed, or of the forgetting. */
      readonly failure: Failure | null;
    }
  | { readonly kind: 'verify'; readonly result: VerifyResult; readonly failure: Failure | null }
  | { readonly kind: 'consolidate'; readonly result: ConsolidationResult; readonly failure: Failure | null };

type AnyBackup = Extract<SavedJob, { kind: 'backup' | 'backup-disks' }>;

/** Does what a saved job is for, or says what it would do: USAGE for a kind of which there is no dry run. */
export async function perform(
  saved: SavedJob,
  access: RepositoryAccess,
  { dryRun }: { readonly dryRun: boolean },
  job: Job,
): Promise<Performed> {
  switch (saved.kind) {
    case 'backup': {
      const { keep: _, ...request } = saved.settings;
      const result = await backupJob(access, { ...request, dryRun }, job);
      return { kind: 'backup', result, ...(await forgetAfter(saved, saved.settings.disk, access, dryRun, job)) };
    }
    case 'backup-disks': {
      const { keep: _, ...request } = saved.settings;
      const result = await backupDisksJob(access, { ...request, dryRun }, job);
      const forgetting: ForgetByRulesResult[] = [];
      let { failure } = result;
      for (const { disk, failure: failed } of result.disks) {
        // Of a disk that got no new point nothing goes.
        if (failed !== null) continue;
        const after = await forgetAfter(saved, disk, access, dryRun, job);
        if (after.forgetting !== null) forgetting.push(after.forgetting);
        failure ??= after.failure;
      }
      return { kind: 'backup-disks', result, forgetting, failure };
    }
    case 'verify': {
      if (dryRun) throw fail('USAGE', { problem: 'a verify job has no dry run: it writes nothing but what it found' });
      const request = { specs: [], all: true, samplePercent: saved.settings.samplePercent };
      const result = await verifyJob(access, request, job);
      const { damaged, points } = result;
      const failure = damaged === 0 ? null : describeFailure(fail('DAMAGE_FOUND', { damaged, points: points.length }));
      return { kind: 'verify', result, failure };
    }
    case 'consolidate': {
      const { keep, ...settings } = saved.settings;
      const { timeZone, ...rules } = keep ?? { timeZone: undefined };
      const request = { ...settings, rules: keep === null ? null : rules, timeZone, dryRun };
      const result = await consolidateJob(access, request, job);
      return { kind: 'consolidate', result, failure: firstFailure(result) };
    }
  }
}

/** Drops what the rules of the job do not keep of a disk. */
async function forgetAfter(
  { settings: { keep, machine } }: AnyBackup,
  disk: string,
  access: RepositoryAccess,
  dryRun: boolean,
  job: Job,
): Promise<{ forgetting: ForgetByRulesResult | null; failure: Failure | null }> {
  if (keep === null) return { forgetting: null, failure: null };
  const { timeZone, ...rules } = keep;
  const request = { rules, machine, disk, timeZone, dryRun };
  try {
    return { forgetting: await runJob(job, (emit) => forgetByRulesJob(access, request, emit)), failure: null };
  } catch (error) {
    // The first point of a disk is yet to be made.
    if (dryRun && isStrataError(error, 'POINT_NOT_FOUND')) return { forgetting: null, failure: null };
    return { forgetting: null, failure: describeFailure(error) };
  }
}

function firstFailure({ disks, collectionFailure }: ConsolidationResult): Failure | null {
  for (const { machine, disk, failure } of disks) {
    if (failure === null) continue;
    const message = `${machine}/${disk} was not consolidated: ${failure.message}`;
    return { ...failure, message, hint: 'its points all stayed; run the job again when that is mended' };
  }
  if (collectionFailure === null) return null;
  return { ...collectionFailure, hint: 'no space was freed; run the job again when that is mended' };
}
