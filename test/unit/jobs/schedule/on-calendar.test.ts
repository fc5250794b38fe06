import { describe, expect, it } from 'vitest';
import { nextOccurrences } from '../../../../src/jobs/schedule/calendar.ts';
import { onCalendar } from '../../../../src/jobs/schedule/on-calendar.ts';
import { noSystemd, systemdTimes } from './systemd.ts';

if (noSystemd) console.warn(`on-calendar.test.ts: tests are skipped, there is no ${noSystemd}`);

const now = Date.parse('2026-11-20T12:00:00Z');

const examples: readonly (readonly [cron: string, timeZone: string, lines: readonly string[]])[] = [
  ['30 1 * * *', 'UTC', ['*-*-* 01:30:00 UTC']],
  ['* * * * *', 'UTC', ['*-*-* *:*:00 UTC']],
  ['*/20 * * * *', 'UTC', ['*-*-* *:00,20,40:00 UTC']],
  ['0 */7 * * *', 'UTC', ['*-*-* 00,07,14,21:00:00 UTC']],
  ['5 8-10 * * *', 'Europe/Berlin', ['*-*-* 08,09,10:05:00 Europe/Berlin']],
  ['15 1 * * 1-5', 'Europe/Berlin', ['Mon,Tue,Wed,Thu,Fri *-*-* 01:15:00 Europe/Berlin']],
  ['15 1 * * FRI-SUN', 'UTC', ['Sun,Fri,Sat *-*-* 01:15:00 UTC']],
  ['15 1 * * sun', 'UTC', ['Sun *-*-* 01:15:00 UTC']],
  ['15 1 ? * 7,0', 'UTC', ['Sun *-*-* 01:15:00 UTC']],
  ['15 1 * * 0-6', 'UTC', ['*-*-* 01:15:00 UTC']],
  ['0 4 1 jan,JUL *', 'UTC', ['*-01,07-01 04:00:00 UTC']],
  ['0 4 1-10/3 */6 *', 'UTC', ['*-01,07-01,04,07,10 04:00:00 UTC']],
  // Cron: the day fits the month or the week. systemd: both.
  ['0 4 13 * 5', 'UTC', ['*-*-13 04:00:00 UTC', 'Fri *-*-* 04:00:00 UTC']],
  [
    '0 4 */2 * 1',
    'UTC',
    ['*-*-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 04:00:00 UTC', 'Mon *-*-* 04:00:00 UTC'],
  ],
  ['0 4 29 2 *', 'UTC', ['*-02-29 04:00:00 UTC']],
];

describe('a calendar for systemd', () => {
  it.each(examples)('%s in %s', (calendar, timeZone, lines) => {
    expect(onCalendar({ calendar, timeZone }, now)).toEqual(lines);
  });

  it.skipIf(noSystemd)('comes when croner comes', async () => {
    for (const [calendar, timeZone] of examples) {
      const mine = nextOccurrences({ calendar, timeZone }, now, 40);
      expect(await systemdTimes(onCalendar({ calendar, timeZone }, now), now, 40), calendar).toEqual(mine);
    }
  });

  it.each([
    ['0 0 L * *', /no words for L/],
    ['0 0 15W * *', /no words for 15W/],
    ['0 0 * * FRI#2', /no words for FRI#2/],
    ['0 0 1 * +MON', /no words for \+MON/],
    ['30 2 * * *', /there is no 02:30 in Europe\/Berlin on 2027-03-28/],
    ['0 2 * * 0', /there is no 02:00 in Europe\/Berlin on 2027-03-28/],
  ])('is refused for %s', (calendar, reason) => {
    expect(() => onCalendar({ calendar, timeZone: 'Europe/Berlin' }, now)).toThrowError(
      expect.objectContaining({ code: 'CALENDAR_UNSUITABLE', message: expect.stringMatching(reason) }),
    );
  });

  it('is refused in a time zone that systemd does not know', () => {
    expect(() => onCalendar({ calendar: '0 4 * * *', timeZone: 'europe/berlin' }, now)).toThrowError(
      /it knows no time zone europe\/berlin/,
    );
  });

  it.skipIf(noSystemd)('is refused for times that systemd would leave out', async () => {
    const before = Date.parse('2027-03-27T12:00:00Z');
    const [theirs] = await systemdTimes(['*-*-* 02:30:00 Europe/Berlin'], before, 1);
    const [ours] = nextOccurrences({ calendar: '30 2 * * *', timeZone: 'Europe/Berlin' }, before, 1);
    expect(new Date(theirs ?? 0).toISOString()).toBe('2027-03-29T00:30:00.000Z');
    expect(new Date(ours ?? 0).toISOString()).toBe('2027-03-28T01:00:00.000Z');
  });
});
