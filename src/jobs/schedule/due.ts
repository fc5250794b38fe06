/** When a saved job is to run next. */
import { nextOccurrence } from './calendar.ts';
import { parseInterval } from './interval.ts';
import type { SavedJob } from './saved-job.ts';

/** A job that was saved later than this after now was saved while the clock was wrong. */
const believable = 86_400_000;

/**
 * The moment from which on a job is to run, which may be long past: then it is run once, however often it was missed.
 * `lastStart` is when its last run began, null before the first; all in milliseconds. Null for a job without schedule.
 *
 * An interval counts from one start to the next, and a job that never ran is due at once. A calendar counts from the
 * last start, so that an hour that comes again when the clock is set back brings no second run.
 */
export function dueAt(
  { schedule, saved }: Pick<SavedJob, 'schedule' | 'saved'>,
  lastStart: number | null,
  now: number,
): number | null {
  if (schedule === null) return null;
  if ('every' in schedule) {
    const interval = parseInterval(schedule.every);
    if (interval === null || lastStart === null) return now;
    return Math.min(lastStart, now) + interval * 1000;
  }
  const since = Date.parse(saved);
  if (lastStart === null && since > now + believable) return now;
  // A calendar that was changed since the last run counts from then.
  return nextOccurrence(schedule, Math.max(lastStart ?? since, Math.min(since, now)));
}
