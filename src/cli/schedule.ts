/** How the schedule of a saved job is written for people. */
import type { SavedJob } from '../jobs/schedule/overview.ts';

/** `every 6h`, `30 1 * * * Europe/Berlin`, `by hand`. */
export function describeSchedule(schedule: SavedJob['schedule']): string {
  if (schedule === null) return 'by hand';
  return 'every' in schedule ? `every ${schedule.every}` : `${schedule.calendar} ${schedule.timeZone}`;
}
