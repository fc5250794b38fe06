/** Saved jobs as they are looked at: with when they are due, and how their last run ended. */
import { thisProcess } from '../../repository/here.ts';
import { dueAt } from './due.ts';
import type { Places } from './places.ts';
import { type FoundRuns, lastRun, listRuns } from './run-history.ts';
import type { RunRecord } from './run-record.ts';
import { requireJobName, type SavedJob } from './saved-job.ts';
import { jobPath, listSavedJobs, readSavedJob } from './saved-jobs.ts';

export type { RunRecord } from './run-record.ts';
export type { SavedJob } from './saved-job.ts';

/** A run as it is listed. */
export type ListedRun = Omit<RunRecord, 'format' | 'process'>;

export interface JobOverview {
  readonly job: SavedJob;
  readonly path: string;
  /** ISO 8601 UTC: when something that keeps the schedule would start it; null without a schedule. */
  readonly due: string | null;
  readonly last: ListedRun | null;
}

/** All saved jobs, by name; `unreadable` says what is wrong with files that are none. */
export async function listJobs(
  places: Places,
): Promise<{ readonly jobs: readonly JobOverview[]; readonly unreadable: readonly string[] }> {
  const { jobs, unreadable } = await listSavedJobs(places.jobs);
  const overviews: JobOverview[] = [];
  for (const job of jobs) overviews.push(await overviewOf(job, places));
  return { jobs: overviews, unreadable };
}

/** One job: JOB_NOT_FOUND, JOB_UNREADABLE. */
export async function showJob(name: string, places: Places): Promise<JobOverview> {
  return overviewOf(await readSavedJob(places.jobs, name), places);
}

/** The runs of one job or of all, newest first; also of jobs that were removed. JOB_NOT_FOUND when there never was one. */
export async function listedRuns(
  request: { readonly job: string | undefined; readonly limit: number },
  places: Places,
): Promise<{ readonly runs: readonly ListedRun[]; readonly unreadable: FoundRuns['unreadable'] }> {
  if (request.job !== undefined) requireJobName(request.job);
  const { runs, unreadable } = await listRuns(places.runs, request, thisProcess());
  if (request.job !== undefined && runs.length === 0) await readSavedJob(places.jobs, request.job);
  return { runs: runs.map(listed), unreadable };
}

async function overviewOf(job: SavedJob, places: Places): Promise<JobOverview> {
  const here = thisProcess();
  const last = await lastRun(places.runs, job.name, here);
  const due = dueAt(job, last === null ? null : Date.parse(last.started), here.now());
  return {
    job,
    path: jobPath(places.jobs, job.name),
    due: due === null ? null : new Date(due).toISOString(),
    last: last === null ? null : listed(last),
  };
}

function listed({ format: _, process: __, ...run }: RunRecord): ListedRun {
  return run;
}
