/** Backups of several disks in one run: those that are named, or all of this machine. */
import { resolve } from 'node:path';
import { backupDisks, type DisksRequest, type DiskOutcome as EngineOutcome } from '../backup/disks.ts';
import { fail, isStrataError } from '../errors.ts';
import type { Warning } from '../repository/events.ts';
import { type RepositoryAccess, withRepository } from './access.ts';
import type { BackupResult } from './backup.ts';
import { describeFailure, type Failure, type Job, runJob, stamp } from './job.ts';
import { findWholeDisks, requireApart } from './setup/disks.ts';

export interface BackupDisksRequest extends Omit<DisksRequest, 'disks'> {
  /** Null: all disks of this machine, but for the one that holds the repository. */
  readonly disks: DisksRequest['disks'] | null;
}

/** What came of one disk. */
export interface DiskOutcome {
  readonly source: string;
  readonly machine: string;
  readonly disk: string;
  readonly result: BackupResult | null;
  /** What kept it from getting a point; null when it has one. */
  readonly failure: Failure | null;
}

export interface BackupDisksResult {
  readonly dryRun: boolean;
  /** Id that the points have in common; null for a dry run. */
  readonly group: string | null;
  /** Whether all points show one instant. */
  readonly oneInstant: boolean;
  readonly disks: readonly DiskOutcome[];
  /** Of the first disk that failed, which it names; null when each has its point. */
  readonly failure: Failure | null;
  /** Disks of this machine that were left out. */
  readonly leftOut: readonly { readonly source: string; readonly reason: string }[];
  readonly warnings: readonly Warning[];
  readonly seconds: number;
}

/**
 * Makes a restore point of each disk. Each is reported as a `result` of its own, then all together; a disk that failed is
 * no failure of the job, and stands in its result.
 */
export function backupDisksJob(
  access: RepositoryAccess,
  { disks: named, ...common }: BackupDisksRequest,
  job: Job,
): Promise<BackupDisksResult> {
  const isLeftOut = (outcome: EngineOutcome) =>
    named === null && 'error' in outcome && isStrataError(outcome.error, 'REPOSITORY_IN_SOURCE');
  return runJob(job, async (emit, interrupt) => {
    const early = new AbortController();
    const signal = AbortSignal.any([interrupt, early.signal]);
    const disks = named ?? (await findWholeDisks());
    if (disks.length === 0 && named === null) throw fail('NO_DISKS', {});
    await requireApart(disks.map(({ source }) => resolve(source)));
    const report = (outcome: EngineOutcome) => {
      const { result, ...about } = outcomeOf(outcome);
      if (!isLeftOut(outcome)) job.report({ ...stamp('result'), ...about, ...result });
    };
    const { disks: outcomes, ...rest } = await withRepository(
      access,
      async (repo) => {
        const { location, config } = repo;
        if (access.passphraseGiven && config.encryption === 'none') throw fail('ENCRYPTION_EXPECTED', { location });
        const stop = (reason: Error) => early.abort(reason);
        return backupDisks(repo, { ...common, disks }, { emit, signal, stop }, report);
      },
      { emit, signal },
    );
    if (outcomes.every(isLeftOut)) throw fail('NO_DISKS', {});
    const came = outcomes.filter((outcome) => !isLeftOut(outcome)).map(outcomeOf);
    return {
      dryRun: common.dryRun ?? false,
      ...rest,
      disks: came,
      failure: firstFailure(came),
      leftOut: outcomes.filter(isLeftOut).map(({ source }) => ({ source, reason: 'it holds the repository' })),
    };
  });
}

function firstFailure(disks: readonly DiskOutcome[]): Failure | null {
  for (const { source, failure } of disks) {
    if (failure !== null) return { ...failure, message: `${source}: ${failure.message}` };
  }
  return null;
}

function outcomeOf(outcome: EngineOutcome): DiskOutcome {
  const { source, machine, disk } = outcome;
  const about = { source, machine, disk };
  if ('result' in outcome) return { ...about, result: outcome.result, failure: null };
  return { ...about, result: null, failure: describeFailure(outcome.error) };
}
