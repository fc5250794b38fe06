/** Calendars: cron expressions of five fields in a time zone, as croner understands them. */
import { Cron } from 'croner';
import { reasonOf } from '../../errors.ts';

export interface Calendar {
  /** Minute, hour, day of the month, month, day of the week. */
  readonly calendar: string;
  /** A name of the IANA database. */
  readonly timeZone: string;
}

/** Why there is no such calendar; null when there is. */
export function calendarProblem({ calendar, timeZone }: Calendar): string | null {
  if (!isTimeZone(timeZone)) return `${timeZone} is no time zone; give one such as Europe/Berlin or UTC`;
  if (calendar.trim().split(/\s+/).length !== 5) {
    return `"${calendar}" is no calendar: it takes five fields: minute, hour, day of the month, month, day of the week`;
  }
  try {
    const next = nextOccurrence({ calendar, timeZone }, Date.now());
    return next === null ? `"${calendar}" is no calendar: there is no such day` : null;
  } catch (error) {
    return `"${calendar}" is no calendar: ${reasonOf(error).replace(/^CronPattern: /, '')}`;
  }
}

/** The first moment after `after`, both in milliseconds; null when there is none. */
export function nextOccurrence({ calendar, timeZone }: Calendar, after: number): number | null {
  return cronOf({ calendar, timeZone }).nextRun(new Date(after))?.getTime() ?? null;
}

/** The next so many moments after `after`, in milliseconds. */
export function nextOccurrences({ calendar, timeZone }: Calendar, after: number, count: number): number[] {
  return cronOf({ calendar, timeZone })
    .nextRuns(count, new Date(after))
    .map((moment) => moment.getTime());
}

/** The time zone of this machine. */
export function localTimeZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

function cronOf({ calendar, timeZone }: Calendar): Cron {
  return new Cron(calendar, { mode: '5-part', timezone: timeZone });
}

/** Offsets such as +01:00 are known to Intl, but not to systemd, and they have no summer. */
function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
