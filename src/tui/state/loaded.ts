/** Something that the engine was asked for. What came last stays while new is on its way, and when that fails. */
import type { Failure } from '../../jobs/job.ts';

export interface Loaded<Value> {
  readonly value: Value | null;
  /** When it came; milliseconds. */
  readonly at: number | null;
  /** Since when it is asked for; null when it is not. */
  readonly since: number | null;
  readonly failure: Failure | null;
}

export const nothing: Loaded<never> = { value: null, at: null, since: null, failure: null };

export function asked<Value>(before: Loaded<Value>, now: number): Loaded<Value> {
  return { ...before, since: now };
}

export function came<Value>(value: Value, now: number): Loaded<Value> {
  return { value, at: now, since: null, failure: null };
}

export function failed<Value>(before: Loaded<Value>, failure: Failure): Loaded<Value> {
  return { ...before, since: null, failure };
}
