import { describe, expect, it } from 'vitest';
import { calendarProblem, localTimeZone, nextOccurrences } from '../../../../src/jobs/schedule/calendar.ts';

const timesOf = (calendar: string, timeZone: string, after: string, count: number) =>
  nextOccurrences({ calendar, timeZone }, Date.parse(after), count).map((moment) =>
    new Date(moment).toISOString().slice(0, 16),
  );

describe('occurrences', () => {
  it('are later than the moment itself', () => {
    expect(timesOf('0 2 * * *', 'UTC', '2026-11-20T02:00:00Z', 1)).toEqual(['2026-11-21T02:00']);
    expect(timesOf('0 2 * * *', 'UTC', '2026-11-20T01:59:59.999Z', 1)).toEqual(['2026-11-20T02:00']);
  });

  it('are those of the time zone, and come every day of the year once', () => {
    const spring = timesOf('30 2 * * *', 'Europe/Berlin', '2026-03-27T12:00:00Z', 3);
    expect(spring).toEqual(['2026-03-28T01:30', '2026-03-29T01:00', '2026-03-30T00:30']);
    const autumn = timesOf('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2);
    expect(autumn).toEqual(['2026-10-25T00:30', '2026-10-26T01:30']);
  });

  it('come on a day that fits the month or the week', () => {
    const times = timesOf('0 0 13 * 5', 'UTC', '2026-11-01T00:00:00Z', 3);
    expect(times).toEqual(['2026-11-06T00:00', '2026-11-13T00:00', '2026-11-20T00:00']);
  });
});

describe('what is no calendar', () => {
  it.each([
    ['* * * *', 'UTC', /takes five fields/],
    ['* * * * * *', 'UTC', /takes five fields/],
    ['@daily', 'UTC', /takes five fields/],
    ['2026-11-20T02:00:00', 'UTC', /takes five fields/],
    ['60 * * * *', 'UTC', /Invalid value for minute: 60/],
    ['5-1 * * * *', 'UTC', /larger/],
    ['a b c d e', 'UTC', /is no calendar: /],
    ['0 0 30 2 *', 'UTC', /there is no such day/],
    ['0 2 * * *', 'Europe/Atlantis', /Europe\/Atlantis is no time zone/],
    ['0 2 * * *', '+01:00', /\+01:00 is no time zone/],
    ['0 2 * * *', '', / is no time zone/],
  ])('%j in %j', (calendar, timeZone, problem) => {
    expect(calendarProblem({ calendar, timeZone })).toMatch(problem);
  });
});

it('the time zone of the machine is one', () => {
  expect(calendarProblem({ calendar: '0 2 * * *', timeZone: localTimeZone() })).toBeNull();
});
