/** A job as the screen knows it: made of its events alone. */
import type { Failure, JobEvent } from '../../jobs/job.ts';

/** `queued`: it waits for those before it that also write to the repository, or read all of it. */
export type JobState = 'queued' | 'running' | 'stopping' | 'done' | 'warnings' | 'failed' | 'stopped';

export interface JobView {
  readonly id: number;
  /** `restore`, `backup` … */
  readonly action: string;
  /** What it is about, for people. */
  readonly subject: string;
  readonly state: JobState;
  readonly started: number;
  readonly ended: number | null;
  readonly stage: string;
  /** The disk that is at its turn, of several. */
  readonly disk: string;
  /** Bytes. */
  readonly position: number;
  readonly total: number | null;
  /** What else its progress tells, in bytes, by its name. */
  readonly figures: Readonly<Record<string, number>>;
  /** Bytes a second between the last reports, the newest last. */
  readonly rates: readonly number[];
  /** When the last report came, and when the stage began; milliseconds. */
  readonly reported: number;
  readonly stageBegan: number;
  readonly log: readonly string[];
  /** What came of it, for people. */
  readonly outcome: readonly string[];
  readonly failure: Failure | null;
}

const ratesKept = 60;
const logKept = 200;

export function newJob(
  { id, action, subject, isQueued = false }: Pick<JobView, 'id' | 'action' | 'subject'> & { isQueued?: boolean },
  now: number,
): JobView {
  return {
    id,
    action,
    subject,
    state: isQueued ? 'queued' : 'running',
    started: now,
    ended: null,
    stage: '',
    disk: '',
    position: 0,
    total: null,
    figures: {},
    rates: [],
    reported: now,
    stageBegan: now,
    log: [],
    outcome: [],
    failure: null,
  };
}

/** The job after one of its events. */
export function hearEvent(job: JobView, event: JobEvent, now: number): JobView {
  switch (event.event) {
    case 'started': {
      if (event.group === undefined) return job;
      const disk = event.disk ?? event.subject;
      const from = { position: 0, total: null, stageBegan: now, reported: now };
      return { ...job, ...from, disk, log: note(job, `disk: ${disk}`) };
    }
    case 'stage':
      return { ...job, stage: event.stage, stageBegan: now, reported: now, log: note(job, `stage: ${event.stage}`) };
    case 'progress': {
      const { event: _, time: __, position, total, ...figures } = event;
      const seconds = (now - job.reported) / 1000;
      // A new stage counts from its beginning.
      const moved = Math.max(0, position - job.position);
      const rates = seconds > 0 ? [...job.rates, moved / seconds].slice(-ratesKept) : job.rates;
      return { ...job, position, total, figures: figures as Record<string, number>, rates, reported: now };
    }
    case 'warning':
      return { ...job, log: note(job, `warning: ${event.message}`) };
    case 'damaged':
      return { ...job, log: note(job, `damaged: ${event.message}`) };
    case 'listening':
      return { ...job, stage: `listens on ${event.uri}`, log: note(job, `listens on ${event.uri}`) };
    case 'resumed':
      return { ...job, log: note(job, `goes on with what run ${event.run.slice(0, 8)} had stored`) };
    default:
      return job;
  }
}

/** Bytes a second since the stage began; 0 when nobody can tell yet. */
export function rateOf({ position, stageBegan, reported }: JobView): number {
  const seconds = (reported - stageBegan) / 1000;
  return seconds > 0 ? position / seconds : 0;
}

/** Seconds that are left, as far as it can be told. */
export function secondsLeft(job: JobView): number | null {
  const rate = rateOf(job);
  if (job.total === null || rate === 0) return null;
  return Math.max(0, job.total - job.position) / rate;
}

/** Whether it has not ended yet; it may not have begun. */
export function isRunning({ state }: JobView): boolean {
  return state === 'queued' || state === 'running' || state === 'stopping';
}

/** Warnings make `done` to `warnings`. */
export function hasWarnings({ log }: JobView): boolean {
  return log.some((text) => text.startsWith('warning:') || text.startsWith('damaged:'));
}

function note({ log }: JobView, text: string): readonly string[] {
  return [...log, text].slice(-logKept);
}
