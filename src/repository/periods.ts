/**
 * Hours, days, weeks, months and years as a time zone has them, by Intl and the wall clock's own arithmetic. A day is
 * 23 or 25 hours long where the clocks change, and the hour that comes twice in autumn is two hours.
 */
import { fail } from '../errors.ts';

export type Period = 'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly';

/** A length of time as people give it: `1y6m`, `30d`, `12h`. */
export interface Span {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

/** A time zone. */
export interface Zone {
  /** IANA name. */
  readonly timeZone: string;
  /** How far the wall clock is ahead of UTC at a moment; both in milliseconds. */
  readonly offsetAt: (moment: number) => number;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** The time zone of this IANA name, by default the machine's; USAGE when there is none. */
export function openZone(timeZone = machineTimeZone()): Zone {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  } catch (error) {
    const problem = `${timeZone} is no time zone; write one such as Europe/Berlin or UTC`;
    throw fail('USAGE', { problem }, { cause: error });
  }
  return { timeZone: format.resolvedOptions().timeZone, offsetAt: (moment) => offsetIn(format.format(moment)) };
}

/** Name of the period that a moment lies in: `2026-11-20`, `2026-W47`. Later periods have other names. */
export function periodOf({ offsetAt }: Zone, period: Period, moment: number): string {
  const offset = offsetAt(moment);
  const wall = new Date(moment + offset);
  const [date = '', time = ''] = wall.toISOString().split('T');
  switch (period) {
    case 'hourly':
      return `${date} ${time.slice(0, 2)}:00${offsetName(offset)}`;
    case 'daily':
      return date;
    case 'weekly':
      return weekOf(wall);
    case 'monthly':
      return date.slice(0, -3);
    case 'yearly':
      return date.slice(0, -6);
  }
}

/** Reads `30d`, `12h`, `1y6m`; null when it is nothing of the kind, or no time at all. */
export function parseSpan(text: string): Span | null {
  const [found, years = 0, months = 0, days = 0, hours = 0] =
    /^(?:(\d{1,4})y)?(?:(\d{1,5})m)?(?:(\d{1,6})d)?(?:(\d{1,7})h)?$/.exec(text) ?? [];
  const span = { years: Number(years), months: Number(months), days: Number(days), hours: Number(hours) };
  return found !== undefined && Object.values(span).some((value) => value > 0) ? span : null;
}

/**
 * The moment that lies a span before another. Years, months and days are the wall clock's: a month before 31 March is
 * the last of February. Hours are hours. Where the wall clock leaves a choice it is the earlier moment.
 */
export function momentBefore(zone: Zone, moment: number, { years, months, days, hours }: Span): number {
  const wall = new Date(moment + zone.offsetAt(moment));
  const wanted = wall.getUTCDate();
  wall.setUTCDate(1);
  wall.setUTCMonth(wall.getUTCMonth() - 12 * years - months);
  wall.setUTCDate(Math.min(wanted, daysInMonth(wall)) - days);
  return momentOf(zone, wall.getTime()) - hours * hour;
}

/** When the wall clock shows a time; the first of two such moments, and before the gap when it never does. */
function momentOf({ offsetAt }: Zone, wall: number): number {
  const moments = [wall - offsetAt(wall - day), wall - offsetAt(wall + day)];
  const shown = moments.filter((moment) => moment + offsetAt(moment) === wall);
  return Math.min(...(shown.length > 0 ? shown : moments));
}

function machineTimeZone(): string {
  // Node knows none when TZ holds something that is none.
  const timeZone: string | undefined = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (timeZone === undefined) throw fail('USAGE', { problem: 'the time zone of this machine is not known; name one' });
  return timeZone;
}

/** Milliseconds of the `GMT+01:00` at the end of a formatted time; zones of old have seconds. */
function offsetIn(formatted: string): number {
  const [, sign, hours = 0, minutes = 0, seconds = 0] =
    /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(formatted) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours) * hour + Number(minutes) * minute + Number(seconds) * 1000);
}

/** `+01:00`. */
function offsetName(offset: number): string {
  const minutes = Math.floor(Math.abs(offset) / minute);
  const digits = [Math.floor(minutes / 60), minutes % 60].map((value) => String(value).padStart(2, '0'));
  return `${offset < 0 ? '-' : '+'}${digits.join(':')}`;
}

/** ISO 8601 week: that of its Thursday, in the Thursday's year. */
function weekOf(wall: Date): string {
  const thursday = new Date(wall.getTime() + (4 - (wall.getUTCDay() || 7)) * day);
  const date = thursday.toISOString().split('T')[0] ?? '';
  const year = date.slice(0, -6);
  const first = Date.parse(`${year}-01-01T00:00:00Z`);
  return `${year}-W${String(1 + Math.floor((thursday.getTime() - first) / (7 * day))).padStart(2, '0')}`;
}

function daysInMonth(wall: Date): number {
  const last = new Date(wall);
  last.setUTCMonth(last.getUTCMonth() + 1, 0);
  return last.getUTCDate();
}
