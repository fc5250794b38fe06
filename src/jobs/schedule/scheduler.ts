/**
 * The scheduler that lives in a process of Strata's own (systemd's timers do without it): it runs each saved job when it
 * is due, and never twice at once.
 *
 * It keeps nothing but the plan: what has run is read from the history, so runs by hand and by systemd count, and after
 * a restart a job that was missed is run once. The clock is looked at once a minute at the latest, so a machine that
 * slept and a clock that was set are noticed; a clock that went backwards makes all plans anew.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { reasonOf } from '../../errors.ts';
import { type Here, thisProcess } from '../../repository/here.ts';
import { dueAt } from './due.ts';
import { lastRun, recordMissed } from './run-history.ts';
import type { SavedJob } from './saved-job.ts';
import type { FoundJobs } from './saved-jobs.ts';

/** Milliseconds. */
const longestWait = 60_000;
/** What began later than this was missed: nothing was there to run it. */
const punctual = 2 * longestWait;

export interface SchedulerOptions {
  /** The jobs as they are now; asked again and again. */
  readonly jobs: () => Promise<FoundJobs>;
  /** Folder of the histories. */
  readonly runs: string;
  /** Runs a job to its end, with a record in its history; stops when the signal comes. */
  readonly run: (job: SavedJob, signal: AbortSignal) => Promise<unknown>;
  /** Hears of what keeps a job from being run or recorded, and of files that are no jobs; once until that changes. */
  readonly trouble: (message: string) => void;
  /** Ends the scheduler, and the runs that it has started. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Returns after so many milliseconds of real time, or when the signal comes. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
}

const machineClock: Clock = {
  now: Date.now,
  wait: (milliseconds, signal) => wait(milliseconds, undefined, { signal }).catch(() => undefined),
};

/** What is planned for a job as it stands, after its last run. */
interface Plan {
  readonly basis: string;
  readonly lastId: string | undefined;
  /** Milliseconds; null when it has no schedule. */
  readonly due: number | null;
}

/** Runs saved jobs when they are due, until the signal comes and the last run has ended. */
export async function runScheduler(options: SchedulerOptions): Promise<void> {
  const { runs, signal, clock = machineClock } = options;
  const here: Here = { ...thisProcess(), now: clock.now };
  const plans = new Map<string, Plan>();
  const running = new Map<string, Promise<void>>();
  /** When the last run of a job by this scheduler ended. */
  const ended = new Map<string, number>();
  const tell = onceEach(options.trouble);
  let rouse = Promise.withResolvers<void>();
  let looked = Number.NEGATIVE_INFINITY;

  const planOf = async (job: SavedJob, now: number): Promise<Plan> => {
    const last = await lastRun(runs, job.name, here);
    const basis = JSON.stringify([job, last?.id]);
    const known = plans.get(job.name);
    if (known?.basis === basis) return known;
    const due = dueAt(job, last === null ? null : Date.parse(last.started), now);
    const plan = { basis, lastId: last?.id, due };
    plans.set(job.name, plan);
    return plan;
  };

  const run = async (job: SavedJob, lastId: string | undefined) => {
    const trouble = await options.run(job, signal).then(() => null, reasonOf);
    const last = await lastRun(runs, job.name, here).catch(() => null);
    // The history tells of a run that failed. Of one that could not begin it knows nothing, and it would be due at once.
    const unknown = last === null || last.id === lastId;
    tell(job.name, unknown && trouble !== null ? `job ${job.name} could not be run: ${trouble}` : null);
    if (unknown) await clock.wait(longestWait, signal);
    ended.set(job.name, clock.now());
    running.delete(job.name);
    rouse.resolve();
  };

  /** Starts the job if it is due; the moment from which it will be. */
  const look = async (job: SavedJob, now: number): Promise<number> => {
    if (running.has(job.name)) return Number.POSITIVE_INFINITY;
    const { due, lastId } = await planOf(job, now);
    if (due === null || due > now) return due ?? Number.POSITIVE_INFINITY;
    const wasBusy = (ended.get(job.name) ?? Number.NEGATIVE_INFINITY) >= due;
    if (now - due > punctual && !wasBusy) await recordMissed(runs, { job: job.name, kind: job.kind }, due, here);
    running.set(job.name, run(job, lastId));
    return Number.POSITIVE_INFINITY;
  };

  while (!signal.aborted) {
    const now = clock.now();
    if (now < looked) plans.clear();
    looked = now;
    rouse = Promise.withResolvers();
    let next = now + longestWait;
    const { jobs, unreadable } = await options.jobs();
    for (const message of unreadable) tell(message, message);
    for (const job of jobs) {
      const due = await look(job, now).catch((error: unknown) => {
        tell(job.name, `job ${job.name} could not be run: ${reasonOf(error)}`);
        return next;
      });
      next = Math.min(next, due);
    }
    const woken = new AbortController();
    await Promise.race([clock.wait(next - now, AbortSignal.any([signal, woken.signal])), rouse.promise]);
    woken.abort();
  }
  await Promise.all(running.values());
}

/** Says the same about the same only once, until it is well again. */
function onceEach(trouble: (message: string) => void): (about: string, message: string | null) => void {
  const said = new Map<string, string>();
  return (about, message) => {
    if (message === null) said.delete(about);
    else if (said.get(about) !== message) {
      said.set(about, message);
      trouble(message);
    }
  };
}
