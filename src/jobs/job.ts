/**
 * A job is one long action as every face runs it: it takes a signal to stop it, and reports one stream of events,
 * each with its time, the last one `result`. When it fails it throws instead; `failureEvent` is the end then.
 */
import { isStrataError, reasonOf } from '../errors.ts';
import type { Emit, StrataEvent } from '../repository/events.ts';
import { addTraffic, type Traffic } from '../repository/stores/traffic.ts';

interface Stamp {
  /** ISO 8601 UTC. */
  readonly time: string;
}

/** What an action had to do with object storage, beside its result. */
export type StorageAccount = Traffic & { readonly estimate: number };

export type ResultEvent = Stamp & { readonly event: 'result'; readonly storage?: StorageAccount };

/** What went wrong, in the words of the error table. */
export interface Failure {
  /** A code of errors.ts, or `UNEXPECTED` for a defect of Strata itself. */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly exitCode: number;
}

export type FailureEvent = Stamp & Failure & { readonly event: 'error' };

export type JobEvent = (Stamp & StrataEvent) | ResultEvent | FailureEvent;

export interface Job {
  readonly report: (event: JobEvent) => void;
  readonly signal: AbortSignal;
}

/** Runs `action` as a job. Its result has no `event` and no `time`: these are the event's own. */
export async function runJob<Result extends object>(
  job: Job,
  action: (emit: Emit, signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  job.signal.throwIfAborted();
  let storage: StorageAccount | undefined;
  const emit: Emit = (event) => {
    if (event.event !== 'traffic') return job.report({ ...stamp(event.event), ...event });
    const { event: _, ...account } = event;
    // An export from one bucket into another has two.
    const estimate = account.estimate + (storage?.estimate ?? 0);
    storage = { ...(storage ? addTraffic(storage, account) : account), estimate };
  };
  const result = await action(emit, job.signal);
  job.report({ ...stamp('result'), ...result, ...(storage ? { storage } : {}) });
  return result;
}

/** The last event of a job that failed. */
export function failureEvent(error: unknown): FailureEvent {
  return { ...stamp('error'), ...describeFailure(error) };
}

/** The failure that another process reported, to be thrown on. */
export function reportedFailure({ code, message, hint, exitCode }: Failure): ReportedFailure {
  return new ReportedFailure({ code, message, hint, exitCode });
}

/** Thrown in place of what another process met. */
class ReportedFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** What a person or a script is told about anything thrown. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof ReportedFailure) return error.failure;
  if (isStrataError(error)) {
    return { code: error.code, message: error.message, hint: error.hint, exitCode: error.exitCode };
  }
  return {
    code: 'UNEXPECTED',
    message: `unexpected: ${reasonOf(error).split('\n', 1)[0]}`,
    hint: 'this is a defect of Strata: please report it with what --verbose prints',
    exitCode: 1,
  };
}

/** Event and time come first in each line that is printed. */
export function stamp<Name extends string>(event: Name): Stamp & { readonly event: Name } {
  return { event, time: new Date().toISOString() };
}
