/**
 * One run of a saved job: under its lock, with a record that is written before anything is done. So whatever ends the
 * run, even `kill -9`, can be seen in the history.
 */
import { reasonOf } from '../../errors.ts';
import type { Warning } from '../../repository/events.ts';
import { type Here, thisProcess } from '../../repository/here.ts';
import { describeFailure, type Job, type JobEvent, runJob } from '../job.ts';
import { JobLock } from './job-lock.ts';
import { type Performed, perform } from './perform.ts';
import type { Places } from './places.ts';
import { beginRun, endRun, settleKilled } from './run-history.ts';
import type { RunEnd, RunRecord } from './run-record.ts';
import { type AskPassphrase, accessOf } from './saved-access.ts';
import { readSavedJob } from './saved-jobs.ts';

export type { Performed } from './perform.ts';

/** A run as it is reported: its record, and what the job itself had to say. */
export type SavedRun = Omit<RunRecord, 'format' | 'process' | 'kind'> & Performed & { readonly exitCode: number };

export interface SavedRunRequest {
  readonly name: string;
  /** When the job names no file with a passphrase. */
  readonly ask: AskPassphrase;
}

/**
 * Runs a saved job now, with the events of the job that it stands for; the result is that of the run. JOB_NOT_FOUND,
 * LOCKED when it is running already, and whatever the job itself fails of.
 */
export async function runSavedJob(
  { name, ask }: SavedRunRequest,
  places: Places,
  job: Job,
  here: Here = thisProcess(),
): Promise<SavedRun> {
  const saved = await readSavedJob(places.jobs, name);
  return runJob(job, async (emit) => {
    const lock = await JobLock.take(places.runs, name, here);
    try {
      await settleKilled(places.runs, name);
      const begun = await beginRun(places.runs, { job: name, kind: saved.kind }, here);
      const warnings: Warning[] = [];
      const warn = (warning: Warning) => {
        warnings.push(warning);
        emit({ event: 'warning', ...warning });
      };
      const record = async (end: RunEnd) =>
        endRun(places.runs, begun, end, here).catch((error: unknown) => {
          warn({ code: 'RUN_NOT_RECORDED', message: `the end of this run was not recorded: ${reasonOf(error)}` });
          return { ...begun, ...end };
        });
      const inner = passedOn(job, warnings);
      const performed = await perform(saved, accessOf(saved, ask), { dryRun: false }, inner).catch(async (error) => {
        await record(failed(error, warnings));
        throw error;
      });
      const { format: _, process: __, ...run } = await record(ended(performed, warnings));
      return { ...run, ...performed, exitCode: performed.failure?.exitCode ?? (run.warnings.length > 0 ? 3 : 0) };
    } finally {
      await lock.release();
    }
  });
}

/** What a saved job would do; nothing is written, no run recorded. */
export async function planSavedJob({ name, ask }: SavedRunRequest, places: Places, job: Job): Promise<Performed> {
  const saved = await readSavedJob(places.jobs, name);
  return perform(saved, accessOf(saved, ask), { dryRun: true }, job);
}

/** The job's own result is no end: that of the run comes last. Its warnings are gathered. */
function passedOn({ report, signal }: Job, warnings: Warning[]): Job {
  return {
    signal,
    report: (event: JobEvent) => {
      if (event.event === 'result') return;
      if (event.event === 'warning') warnings.push({ code: event.code, message: event.message });
      report(event);
    },
  };
}

function ended(performed: Performed, warnings: readonly Warning[]): RunEnd {
  const account = { ...accountOf(performed), warnings };
  if (performed.failure === null)
    return { ...account, outcome: warnings.length > 0 ? 'warnings' : 'done', error: null };
  const { code, message } = performed.failure;
  return { ...account, outcome: outcomeOf(code), error: { code, message } };
}

function accountOf(performed: Performed): Pick<RunEnd, 'bytesRead' | 'bytesStored' | 'point'> {
  switch (performed.kind) {
    case 'backup': {
      const { bytesRead, bytesStored, point } = performed.result;
      return { bytesRead, bytesStored, point };
    }
    case 'backup-disks': {
      const made = performed.result.disks.flatMap(({ result }) => (result === null ? [] : [result]));
      const sum = (of: (result: (typeof made)[number]) => number) => made.reduce((bytes, each) => bytes + of(each), 0);
      return { bytesRead: sum((each) => each.bytesRead), bytesStored: sum((each) => each.bytesStored), point: null };
    }
    case 'verify':
      return { bytesRead: performed.result.bytesRead, bytesStored: 0, point: null };
    case 'consolidate':
      return { bytesRead: 0, bytesStored: 0, point: null };
  }
}

function failed(error: unknown, warnings: readonly Warning[]): RunEnd {
  const { code, message } = describeFailure(error);
  return { outcome: outcomeOf(code), bytesRead: 0, bytesStored: 0, point: null, warnings, error: { code, message } };
}

function outcomeOf(code: string): RunEnd['outcome'] {
  return code === 'INTERRUPTED' ? 'interrupted' : 'failed';
}
