/**
 * A calendar in the words of systemd (`OnCalendar=`), when it has words for it.
 *
 * Each field becomes the list of its values, so that nothing hangs on how either counts steps. Where cron takes a day
 * that fits the month or the week, systemd takes one that fits both: then there are two lines. A time of day that the
 * clocks leave out in spring is refused: cron comes an hour later then, systemd not at all that day.
 */
import { existsSync } from 'node:fs';
import { fail, type StrataError } from '../../errors.ts';
import { type Calendar, nextOccurrences } from './calendar.ts';

interface Field {
  readonly low: number;
  readonly high: number;
  /** Names of the values from `low` on. */
  readonly names: readonly string[];
}

const minute: Field = { low: 0, high: 59, names: [] };
const hour: Field = { low: 0, high: 23, names: [] };
const day: Field = { low: 1, high: 31, names: [] };
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const month: Field = { low: 1, high: 12, names: months };
/** 7 is Sunday, too. */
const weekday: Field = { low: 0, high: 7, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] };
const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** So many years ahead are searched for a time that does not exist. */
const yearsAhead = 4;

/** The lines for a calendar that is one, each to follow `OnCalendar=`; CALENDAR_UNSUITABLE when systemd has none. */
export function onCalendar(calendar: Calendar, now: number): string[] {
  const [minutes = '', hours = '', days = '', inMonths = '', inWeek = ''] = calendar.calendar.trim().split(/\s+/);
  const valuesOf = (field: Field, text: string) => {
    const values = expand(field, text);
    if (values === null) throw unsuitable(calendar, `it has no words for ${text}`);
    return values;
  };
  const time = `${listed(valuesOf(hour, hours), hour)}:${listed(valuesOf(minute, minutes), minute)}:00`;
  const monthList = listed(valuesOf(month, inMonths), month);
  const dayList = listed(valuesOf(day, days), day);
  const week = [...new Set(valuesOf(weekday, inWeek).map((value) => value % 7))].sort((a, b) => a - b);
  const weekList = week.length === 7 ? '' : `${week.map((value) => weekdays[value]).join(',')} `;
  if (!systemdKnows(calendar.timeZone)) throw unsuitable(calendar, `it knows no time zone ${calendar.timeZone}`);
  const missing = missingTime(calendar, now);
  if (missing !== null) throw unsuitable(calendar, `${missing}, and systemd would leave that day out`);
  const line = (ofWeek: string, ofMonth: string) => `${ofWeek}*-${monthList}-${ofMonth} ${time} ${calendar.timeZone}`;
  const either = !isStar(days) && !isStar(inWeek);
  return either ? [line('', dayList), line(weekList, '*')] : [line(weekList, dayList)];
}

function unsuitable({ calendar }: Calendar, reason: string): StrataError {
  const instead = 'use numbers, lists, ranges and steps, and times that every day has, or --time-zone UTC';
  return fail('CALENDAR_UNSUITABLE', { calendar, reason, instead });
}

function isStar(text: string): boolean {
  return text === '*' || text === '?';
}

/** The values that a field of cron stands for; null when it holds more than numbers, names, lists, ranges and steps. */
function expand(field: Field, text: string): number[] | null {
  const values = new Set<number>();
  for (const part of text.toLowerCase().split(',')) {
    const [, from = '', to, step] = /^(\*|\?|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part) ?? [];
    const star = isStar(from);
    const first = star ? field.low : numberOf(field, from, 'first');
    const last = star ? field.high : to === undefined ? first : numberOf(field, to, 'last');
    if (first === null || last === null || (star && to !== undefined)) return null;
    for (let value = first; value <= last; value += Number(step ?? 1)) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

/** Sunday stands at both ends of a week. */
function numberOf({ names }: Field, text: string, end: 'first' | 'last'): number | null {
  if (/^\d+$/.test(text)) return Number(text);
  const at = end === 'first' ? names.indexOf(text) : names.lastIndexOf(text);
  if (at < 0) return null;
  return names === months ? at + 1 : at;
}

/** `01,03..05`; `*` for all values. */
function listed(values: readonly number[], { low, high }: Field): string {
  if (values.length === high - low + 1) return '*';
  return values.map((value) => String(value).padStart(2, '0')).join(',');
}

/** systemd takes the names of files, in which case matters. */
function systemdKnows(timeZone: string): boolean {
  return timeZone === 'UTC' || existsSync(`/usr/share/zoneinfo/${timeZone}`);
}

/** When croner moves an occurrence out of an hour that the clocks leave out; null when it never does. */
function missingTime(calendar: Calendar, now: number): string | null {
  const [minutes = '', hours = ''] = calendar.calendar.trim().split(/\s+/);
  // With several times a day, both leave out the ones that do not exist.
  if (!/^\d+$/.test(minutes) || !/^\d+$/.test(hours)) return null;
  const time = `${hours.padStart(2, '0')}:${minutes.padStart(2, '0')}`;
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: calendar.timeZone,
    dateStyle: 'short',
    timeStyle: 'short',
  });
  for (const moment of nextOccurrences(calendar, now, yearsAhead * 366)) {
    if (moment > now + yearsAhead * 366 * 86_400_000) break;
    const [date = '', shown = ''] = format.format(moment).split(' ');
    if (shown !== time) return `there is no ${time} in ${calendar.timeZone} on ${date}`;
  }
  return null;
}
