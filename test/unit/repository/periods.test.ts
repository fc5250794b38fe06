import fc from 'fast-check';
import { afterEach, describe, expect, it, test } from 'vitest';
import {
  momentBefore,
  openZone,
  type Period,
  parseSpan,
  periodOf,
  type Span,
} from '../../../src/repository/periods.ts';

const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Pacific/Apia'];

function name(timeZone: string, period: Period, time: string): string {
  return periodOf(openZone(timeZone), period, Date.parse(time));
}

function span(text: string): Span {
  const parsed = parseSpan(text);
  if (parsed === null) throw new Error(`${text} is no span`);
  return parsed;
}

function earlier(timeZone: string, time: string, text: string): string {
  return new Date(momentBefore(openZone(timeZone), Date.parse(time), span(text))).toISOString();
}

describe('periods', () => {
  test.each<[string, Period, string, string]>([
    ['UTC', 'daily', '2026-11-20T23:30:00Z', '2026-11-20'],
    ['Europe/Berlin', 'daily', '2026-11-20T23:30:00Z', '2026-11-21'],
    ['America/New_York', 'daily', '2026-11-21T03:30:00Z', '2026-11-20'],
    ['Asia/Kolkata', 'hourly', '2026-11-20T18:29:59.999Z', '2026-11-20 23:00+05:30'],
    ['Asia/Kolkata', 'hourly', '2026-11-20T18:30:00Z', '2026-11-21 00:00+05:30'],
    ['Europe/Berlin', 'monthly', '2026-11-30T23:00:00Z', '2026-12'],
    ['Europe/Berlin', 'yearly', '2026-12-31T23:00:00Z', '2027'],
    ['UTC', 'yearly', '0000-01-01T00:00:00Z', '0000'],
    ['UTC', 'weekly', '9999-12-31T23:59:59.999Z', '9999-W52'],
    // The hour from 2 to 3 comes twice in autumn, and not at all in spring.
    ['Europe/Berlin', 'hourly', '2026-10-25T00:30:00Z', '2026-10-25 02:00+02:00'],
    ['Europe/Berlin', 'hourly', '2026-10-25T01:30:00Z', '2026-10-25 02:00+01:00'],
    ['Europe/Berlin', 'hourly', '2026-03-29T00:59:59Z', '2026-03-29 01:00+01:00'],
    ['Europe/Berlin', 'hourly', '2026-03-29T01:00:00Z', '2026-03-29 03:00+02:00'],
    // Days of 25 and 23 hours.
    ['Europe/Berlin', 'daily', '2026-10-24T22:00:00Z', '2026-10-25'],
    ['Europe/Berlin', 'daily', '2026-10-25T22:59:59Z', '2026-10-25'],
    ['Europe/Berlin', 'daily', '2026-03-28T23:00:00Z', '2026-03-29'],
    ['Europe/Berlin', 'daily', '2026-03-29T21:59:59Z', '2026-03-29'],
    // Samoa left out 30 December 2011.
    ['Pacific/Apia', 'daily', '2011-12-30T09:59:59Z', '2011-12-29'],
    ['Pacific/Apia', 'daily', '2011-12-30T10:00:00Z', '2011-12-31'],
  ])('%s %s of %s is %s', (zone, period, time, expected) => {
    expect(name(zone, period, time)).toBe(expected);
  });

  it.each([
    ['2020-12-28', '2020-W53'],
    ['2021-01-03', '2020-W53'],
    ['2021-01-04', '2021-W01'],
    ['2026-12-27', '2026-W52'],
    ['2026-12-28', '2026-W53'],
    ['2027-01-03', '2026-W53'],
    ['2027-01-04', '2027-W01'],
    ['2024-12-29', '2024-W52'],
    ['2024-12-30', '2025-W01'],
    ['2012-01-01', '2011-W52'],
    ['2026-11-20', '2026-W47'],
  ])('the ISO week of %s is %s', (date, week) => {
    expect(name('UTC', 'weekly', `${date}T12:00:00Z`)).toBe(week);
    expect(name('Pacific/Kiritimati', 'weekly', `${date}T00:00:00+14:00`)).toBe(week);
  });

  it('are those that Intl shows, at any time in any zone', () => {
    const times = fc.date({ min: new Date('1900-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(times, fc.constantFrom(...zones), (time, timeZone) => {
        const shown = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' }).format(
          time,
        );
        const zone = openZone(timeZone);
        expect(periodOf(zone, 'daily', time.getTime())).toBe(shown.slice(0, 10));
        expect(periodOf(zone, 'hourly', time.getTime()).slice(0, 13)).toBe(shown.slice(0, 13));
        expect(periodOf(zone, 'monthly', time.getTime())).toBe(shown.slice(0, 7));
        expect(periodOf(zone, 'yearly', time.getTime())).toBe(shown.slice(0, 4));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('spans', () => {
  it.each(['30d', '12h', '1y6m', '1y6m30d12h', '2m', '0y1d', '9999y99999m999999d9999999h'])('take %s', (text) => {
    expect(parseSpan(text)).not.toBeNull();
  });

  it.each([
    '',
    '0d',
    '0y0m0d0h',
    '30',
    'd',
    '30 d',
    '-1d',
    '1.5d',
    '1d1y',
    '1d1d',
    '2w',
    '1D',
    '30d ',
    '１d',
    '99999y',
  ])('refuse %j', (text) => {
    expect(parseSpan(text)).toBeNull();
  });

  test.each([
    ['UTC', '2026-11-20T22:00:00.123Z', '30d', '2026-10-21T22:00:00.123Z'],
    ['UTC', '2026-03-31T10:00:00.000Z', '1m', '2026-02-28T10:00:00.000Z'],
    ['UTC', '2024-02-29T10:00:00.000Z', '1y', '2023-02-28T10:00:00.000Z'],
    ['UTC', '2026-01-15T10:00:00.000Z', '1y6m', '2024-07-15T10:00:00.000Z'],
    ['UTC', '2026-01-01T01:00:00.000Z', '2h', '2025-12-31T23:00:00.000Z'],
    // A day before is the same time of the day, over a change of the clocks too; a span of hours is of hours.
    ['Europe/Berlin', '2026-10-25T20:00:00.000Z', '1d', '2026-10-24T19:00:00.000Z'],
    ['Europe/Berlin', '2026-10-25T20:00:00.000Z', '24h', '2026-10-24T20:00:00.000Z'],
    ['Europe/Berlin', '2026-03-29T20:00:00.000Z', '1d', '2026-03-28T21:00:00.000Z'],
    // 02:30 comes twice on 25 October, so it is the first; it does not come on 29 March, so it is the moment before.
    ['Europe/Berlin', '2026-10-26T01:30:00.000Z', '1d', '2026-10-25T00:30:00.000Z'],
    ['Europe/Berlin', '2026-03-30T00:30:00.000Z', '1d', '2026-03-29T00:30:00.000Z'],
    ['Pacific/Apia', '2012-01-01T00:00:00.000Z', '1d', '2011-12-31T00:00:00.000Z'],
    ['Pacific/Apia', '2012-01-01T00:00:00.000Z', '2d', '2011-12-30T00:00:00.000Z'],
  ])('in %s before %s: %s is %s', (zone, time, text, expected) => {
    expect(earlier(zone, time, text)).toBe(expected);
  });

  it('lie before, and the longer the earlier', () => {
    const spans = fc.record({ years: fc.nat(9), months: fc.nat(30), days: fc.nat(60), hours: fc.nat(100) });
    const times = fc.date({ min: new Date('1950-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(times, spans, fc.constantFrom(...zones), (time, length, timeZone) => {
        const zone = openZone(timeZone);
        const moment = momentBefore(zone, time.getTime(), length);
        expect(moment).toBeLessThanOrEqual(time.getTime());
        for (const unit of ['years', 'months', 'days', 'hours'] as const) {
          const longer = momentBefore(zone, time.getTime(), { ...length, [unit]: length[unit] + 1 });
          expect(longer).toBeLessThanOrEqual(moment);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('zones', () => {
  const { TZ } = process.env;
  afterEach(() => {
    if (TZ === undefined) delete process.env.TZ;
    else process.env.TZ = TZ;
  });

  it('are known by their IANA names', () => {
    expect(openZone('europe/berlin').timeZone).toBe('Europe/Berlin');
    for (const timeZone of ['', 'Berlin', 'Europe/Nowhere', 'Europe/Berlin ']) {
      expect(() => openZone(timeZone)).toThrow(
        expect.objectContaining({
          code: 'USAGE',
          message: expect.stringContaining('is no time zone; write one such as'),
        }),
      );
    }
  });

  it("are the machine's when none is named, and refused when that is unknown", () => {
    process.env.TZ = 'Asia/Tokyo';
    expect(openZone().timeZone).toBe('Asia/Tokyo');
    process.env.TZ = 'Nowhere/Land';
    expect(() => openZone()).toThrow(
      expect.objectContaining({ code: 'USAGE', message: 'the time zone of this machine is not known; name one' }),
    );
  });
});
