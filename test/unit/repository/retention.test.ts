import { describe, expect, it } from 'vitest';
import { checkRules, type RetentionRules } from '../../../src/repository/retention.ts';
import { idFrom } from './manifests.ts';
import { keptTimes, plan, pointsAt, samplePoint } from './retention-points.ts';

/** All days from one to another, both included, as `2026-11-20`. */
function days(from: string, to: string): string[] {
  const count = (Date.parse(to) - Date.parse(from)) / 86_400_000 + 1;
  return Array.from({ length: count }, (_, n) =>
    new Date(Date.parse(from) + n * 86_400_000).toISOString().slice(0, 10),
  );
}

describe('rules', () => {
  it('keep the last points', () => {
    const points = pointsAt(['2026-11-01', '2026-11-02', '2026-11-03']);
    expect(keptTimes(points, { keepLast: 1 })).toEqual(['2026-11-03: newest, last 1']);
    expect(keptTimes(points, { keepLast: 2 })).toEqual(['2026-11-03: newest, last 2', '2026-11-02: last 2']);
    expect(keptTimes(points, { keepLast: 9 })).toHaveLength(3);
  });

  it('keep the newest of each period, from the last one that has points back', () => {
    const points = pointsAt(['2026-11-01', '2026-11-05T08', '2026-11-05T20', '2026-11-20T09:00', '2026-11-20T09:30']);
    expect(keptTimes(points, { keepDaily: 2 })).toEqual([
      '2026-11-20T09:30: newest, daily 2026-11-20',
      '2026-11-05T20: daily 2026-11-05',
    ]);
    expect(keptTimes(points, { keepHourly: 3 })).toEqual([
      '2026-11-20T09:30: newest, hourly 2026-11-20 09:00+00:00',
      '2026-11-05T20: hourly 2026-11-05 20:00+00:00',
      '2026-11-05T08: hourly 2026-11-05 08:00+00:00',
    ]);
  });

  it('keep the oldest point while there are fewer periods than wanted', () => {
    const points = pointsAt(['2026-11-02', '2026-11-03', '2026-11-04', '2026-12-01']);
    expect(keptTimes(points, { keepMonthly: 12 })).toEqual([
      '2026-12-01: newest, monthly 2026-12',
      '2026-11-04: monthly 2026-11',
      '2026-11-02: oldest (monthly)',
    ]);
    expect(keptTimes(points, { keepMonthly: 2 })).toEqual([
      '2026-12-01: newest, monthly 2026-12',
      '2026-11-04: monthly 2026-11',
    ]);
    expect(keptTimes(points, { keepDaily: 12 })).not.toContainEqual(expect.stringContaining('oldest'));
    expect(keptTimes(pointsAt(['2026-11-02']), { keepYearly: 5 })).toEqual(['2026-11-02: newest, yearly 2026']);
  });

  it('keep what is within a time of the newest point, whatever the time is now', () => {
    const points = pointsAt(['2026-10-20', '2026-10-21', '2026-10-22', '2026-11-20']);
    for (const now of ['2026-11-20T00:00:00Z', '2027-11-20T00:00:00Z', '9999-01-01T00:00:00Z'].map(Date.parse)) {
      expect(keptTimes(points, { keepWithin: '30d' }, { now })).toEqual([
        '2026-11-20: newest, within 30d',
        '2026-10-22: within 30d',
        '2026-10-21: within 30d',
      ]);
    }
    expect(keptTimes(points, { keepWithin: '1m' })).toHaveLength(4);
    expect(keptTimes(points, { keepWithin: '12h' })).toHaveLength(1);
  });

  it('keep tagged points, and add up', () => {
    const points = pointsAt(['2026-11-01', '2026-11-02', '2026-11-03', '2026-11-04']).map((point, index) => ({
      ...point,
      tags: [['release', 'x'], ['nightly'], ['nightlyish'], []][index] ?? [],
    }));
    expect(keptTimes(points, { keepTags: ['nightly', 'release', 'nightly'], keepLast: 2 })).toEqual([
      '2026-11-04: newest, last 2',
      '2026-11-03: last 2',
      '2026-11-02: tag nightly',
      '2026-11-01: tag release',
    ]);
  });

  it('hold for each disk of each machine', () => {
    const points = [
      samplePoint({ id: 'a1', time: '2026-11-01T00:00:00.000Z' }),
      samplePoint({ id: 'a2', time: '2026-11-02T00:00:00.000Z' }),
      samplePoint({ id: 'b1', time: '2020-01-01T00:00:00.000Z', disk: 'sdb' }),
      samplePoint({ id: 'c1', time: '2021-01-01T00:00:00.000Z', machine: 'web2' }),
      samplePoint({ id: 'c2', time: '2021-01-02T00:00:00.000Z', machine: 'web2' }),
    ];
    const kept = plan(points, { keepLast: 1, keepWithin: '1h' }).filter(({ keep }) => keep);
    expect(kept.map(({ point }) => point.id.slice(0, 2)).sort()).toEqual(['a2', 'b1', 'c2']);
  });

  it('count weeks as ISO does, over the end of a year of 53 weeks', () => {
    const points = pointsAt(days('2026-12-20', '2027-01-12'));
    expect(keptTimes(points, { keepWeekly: 4 })).toEqual([
      '2027-01-12: newest, weekly 2027-W02',
      '2027-01-10: weekly 2027-W01',
      '2027-01-03: weekly 2026-W53',
      '2026-12-27: weekly 2026-W52',
    ]);
    expect(keptTimes(points, { keepYearly: 2 })).toEqual([
      '2027-01-12: newest, yearly 2027',
      '2026-12-31: yearly 2026',
    ]);
  });

  it('have days as long as they are where the clocks change', () => {
    const autumn = pointsAt([
      '2026-10-24T21:30',
      '2026-10-24T22:00',
      '2026-10-25T00:30',
      '2026-10-25T01:30',
      '2026-10-25T23',
    ]);
    expect(keptTimes(autumn, { keepDaily: 3 }, { timeZone: 'Europe/Berlin' })).toEqual([
      '2026-10-25T23: newest, daily 2026-10-26',
      '2026-10-25T01:30: daily 2026-10-25',
      '2026-10-24T21:30: daily 2026-10-24',
    ]);
    expect(keptTimes(autumn, { keepHourly: 3 }, { timeZone: 'Europe/Berlin' })).toEqual([
      '2026-10-25T23: newest, hourly 2026-10-26 00:00+01:00',
      '2026-10-25T01:30: hourly 2026-10-25 02:00+01:00',
      '2026-10-25T00:30: hourly 2026-10-25 02:00+02:00',
    ]);
    const spring = pointsAt(['2026-03-28T22:59', '2026-03-28T23:00', '2026-03-29T21:59', '2026-03-29T22:00']);
    expect(keptTimes(spring, { keepDaily: 2 }, { timeZone: 'Europe/Berlin' })).toEqual([
      '2026-03-29T22: newest, daily 2026-03-30',
      '2026-03-29T21:59: daily 2026-03-29',
    ]);
    // The same points in another zone are of other days.
    expect(keptTimes(spring, { keepDaily: 2 }, { timeZone: 'UTC' })).toEqual([
      '2026-03-29T22: newest, daily 2026-03-29',
      '2026-03-28T23: daily 2026-03-28',
    ]);
  });
});

/**
 * Measured with restic 0.14.0 by `restic forget --dry-run --json` over snapshots of the same times. That version does not
 * keep the oldest snapshot while there are too few periods (later ones do), so each rule here finds as many as it wants.
 */
describe('as restic does', () => {
  const points = pointsAt([
    ...days('2025-10-17', '2026-11-20').map((day) => `${day}T22`),
    ...days('2026-11-18', '2026-11-20').map((day) => `${day}T10`),
  ]);
  const kept = (rules: RetentionRules) => keptTimes(points, rules).map((line) => line.split(':')[0]);
  const at = (...times: string[]) => times.map((time) => (time.includes('T') ? time : `${time}T22`));

  it('over 400 days with last 3, daily 7, weekly 4 and monthly 12', () => {
    expect(kept({ keepLast: 3, keepDaily: 7, keepWeekly: 4, keepMonthly: 12 })).toEqual([
      ...at('2026-11-20', '2026-11-20T10', '2026-11-19', '2026-11-18', '2026-11-17', '2026-11-16', '2026-11-15'),
      ...at('2026-11-14', '2026-11-08', '2026-11-01', '2026-10-31', '2026-09-30', '2026-08-31', '2026-07-31'),
      ...at('2026-06-30', '2026-05-31', '2026-04-30', '2026-03-31', '2026-02-28', '2026-01-31', '2025-12-31'),
    ]);
  });

  it('with weekly 10 and yearly 2', () => {
    expect(kept({ keepWeekly: 10, keepYearly: 2 })).toEqual([
      ...at('2026-11-20', '2026-11-15', '2026-11-08', '2026-11-01', '2026-10-25', '2026-10-18', '2026-10-11'),
      ...at('2026-10-04', '2026-09-27', '2026-09-20', '2025-12-31'),
    ]);
  });

  it('within 3d12h with monthly 3', () => {
    expect(kept({ keepWithin: '3d12h', keepMonthly: 3 })).toEqual([
      ...at('2026-11-20', '2026-11-20T10', '2026-11-19', '2026-11-19T10', '2026-11-18', '2026-11-18T10', '2026-11-17'),
      ...at('2026-10-31', '2026-09-30'),
    ]);
  });

  it('within 1m2d with hourly 5, but for a point of exactly that age, which stays', () => {
    const restic = [...days('2026-10-19', '2026-11-20').map((day) => `${day}T22`)];
    const expected = [...restic, '2026-11-18T10', '2026-11-19T10', '2026-11-20T10'];
    expect(expected).toHaveLength(36);
    expect(kept({ keepWithin: '1m2d', keepHourly: 5 }).sort()).toEqual([...expected, '2026-10-18T22'].sort());
  });
});

describe('always kept', () => {
  it('are protected points, the newest, and the newest verified one', () => {
    const verified = '2026-11-21T00:00:00.000Z';
    const points = [
      samplePoint({ id: 'a1', time: '2026-11-01T00:00:00.000Z', verified: '2026-11-29T00:00:00.000Z' }),
      samplePoint({ id: 'a2', time: '2026-11-02T00:00:00.000Z', protected: true }),
      samplePoint({ id: 'a3', time: '2026-11-03T00:00:00.000Z', verified }),
      samplePoint({ id: 'a4', time: '2026-11-04T00:00:00.000Z' }),
      samplePoint({ id: 'a5', time: '2026-11-05T00:00:00.000Z' }),
    ];
    expect(keptTimes(points, { keepTags: ['none has it'] })).toEqual([
      '2026-11-05: newest',
      '2026-11-03: last verified',
      '2026-11-02: protected',
    ]);
  });

  it('is of forgotten points nothing', () => {
    const points = pointsAt(['2026-11-01', '2026-11-02', '2026-11-03']).map((point, index) => ({
      ...point,
      forgotten: index === 2,
      protected: index === 2,
    }));
    expect(plan(points, { keepLast: 1 })).toHaveLength(2);
    expect(keptTimes(points, { keepLast: 1 })).toEqual(['2026-11-02: newest, last 1']);
  });
});

describe('a synthetic full', () => {
  const at = (day: number) => `2026-11-0${day}T00:00:00.000Z`;
  const a1 = samplePoint({ id: 'a1', time: at(1) });
  const a2 = samplePoint({ id: 'a2', time: at(2), parent: 'a1' });
  const a3 = samplePoint({ id: 'a3', time: at(3), parent: 'a2' });
  const synthetic = samplePoint({ id: '55', time: at(2), of: 'a2' });
  const described = (points: readonly Parameters<typeof plan>[0][number][], rules: RetentionRules) =>
    plan(points, rules).map(({ point, keep, reasons }) => [point.id.slice(0, 2), keep, reasons.join(', ')]);

  it('stands for the point that it equals, and counts once', () => {
    expect(described([a1, a2, a3, synthetic], { keepLast: 3 })).toEqual([
      ['a3', true, 'newest, last 3'],
      ['55', true, 'last 3'],
      ['a2', false, 'superseded by 55000000'],
      ['a1', true, 'last 3'],
    ]);
    expect(described([a1, a2, a3, synthetic], { keepLast: 1 }).filter(([, keep]) => keep)).toHaveLength(1);
    expect(described([a1, a2, a3, synthetic], { keepLast: 1 })).toContainEqual(['a2', false, '']);
  });

  it('leaves the other one when that is protected, has a tag to keep, or is the last verified one', () => {
    const cases = [
      [{ protected: true }, 'protected'],
      [{ tags: ['t'] }, 'tag t'],
      [{ verified: at(9) }, 'last verified'],
    ] as const;
    for (const [fields, reason] of cases) {
      const points = [a1, { ...a2, ...fields }, a3, synthetic];
      expect(described(points, { keepLast: 3, keepTags: ['t'] })).toContainEqual(['a2', true, reason]);
      expect(described(points, { keepLast: 3, keepTags: ['t'] })).toContainEqual(['55', true, 'last 3']);
    }
    const both = [a1, { ...a2, verified: at(9) }, a3, { ...synthetic, verified: at(8) }];
    expect(described(both, { keepLast: 1 })).toEqual([
      ['a3', true, 'newest, last 1'],
      ['55', true, 'last verified'],
      ['a2', false, 'superseded by 55000000'],
      ['a1', false, ''],
    ]);
  });

  it('of a synthetic full stands for both, whether they are there or not', () => {
    const again = samplePoint({ id: '56', time: at(2), of: '55' });
    expect(described([again, synthetic, a2], { keepLast: 1 })).toEqual([
      ['56', true, 'newest, last 1'],
      ['55', false, 'superseded by 56000000'],
      ['a2', false, 'superseded by 56000000'],
    ]);
    expect(described([again, { ...synthetic, forgotten: true }, a2], { keepLast: 1 })).toEqual([
      ['56', true, 'newest, last 1'],
      ['a2', false, 'superseded by 56000000'],
    ]);
    expect(described([again, a2], { keepLast: 1 })).toEqual([
      ['56', true, 'newest, last 1'],
      ['a2', false, 'superseded by 56000000'],
    ]);
    expect(described([synthetic], { keepLast: 1 })).toEqual([['55', true, 'newest, last 1']]);
  });

  it('stands for nothing of another disk, time or content, and nothing but one stands for others', () => {
    const manifest = { ...synthetic.manifest, root: 'cd'.repeat(32) };
    const strangers = [{ disk: 'sdb' }, { machine: 'web2' }, { time: at(1) }, { manifest }];
    for (const other of [...strangers.map((fields) => ({ ...synthetic, ...fields })), { ...a2, id: idFrom('a9') }]) {
      expect(plan([a2, other], { keepLast: 2 }).map(({ keep }) => keep)).toEqual([true, true]);
    }
  });
});

describe('a clock that jumps', () => {
  const at = (time: string) => `${time}T00:00:00.000Z`;
  const now = Date.parse('2026-11-20T12:00:00Z');
  const rules = { keepLast: 2, keepDaily: 2, keepWithin: '1d' };

  it('into the future takes no place of others, and is kept', () => {
    const points = [
      samplePoint({ id: 'a1', time: at('2026-11-17') }),
      samplePoint({ id: 'a2', time: at('2026-11-18'), parent: 'a1' }),
      samplePoint({ id: 'a3', time: at('2099-01-01'), parent: 'a2' }),
      samplePoint({ id: 'a4', time: at('2026-11-19'), parent: 'a3' }),
      samplePoint({ id: 'a5', time: at('2026-11-20'), parent: 'a4' }),
    ];
    expect(keptTimes(points, rules, { now })).toEqual([
      '2099-01-01: in the future',
      '2026-11-20: newest, last 2, daily 2026-11-20, within 1d',
      '2026-11-19: last 2, daily 2026-11-19, within 1d',
    ]);
  });

  it('forth and back is seen by the order of the chain, also through forgotten points', () => {
    const points = [
      samplePoint({ id: 'a1', time: at('2026-11-10') }),
      samplePoint({ id: 'a2', time: at('2026-11-15'), parent: 'a1' }),
      samplePoint({ id: 'a3', time: at('2026-11-11'), parent: 'a2', forgotten: true }),
      samplePoint({ id: 'a4', time: at('2026-11-12'), parent: 'a3' }),
      samplePoint({ id: 'a5', time: at('2026-11-18'), parent: 'a4' }),
      samplePoint({ id: 'a6', time: at('2026-11-19'), parent: 'a5' }),
      samplePoint({ id: 'a7', time: at('2026-11-20'), parent: 'a6' }),
    ];
    expect(keptTimes(points, { keepLast: 2 }, { now })).toEqual([
      '2026-11-20: newest, last 2',
      '2026-11-19: last 2',
      '2026-11-15: out of order',
      '2026-11-12: out of order',
    ]);
  });

  it('into the past keeps what was made then', () => {
    // A machine without a battery: each run finds the newest point before it, and stands on that.
    const points = [
      samplePoint({ id: 'a1', time: at('2026-11-17') }),
      samplePoint({ id: 'a2', time: at('2026-11-18'), parent: 'a1' }),
      samplePoint({ id: 'b1', time: at('1970-01-01'), parent: 'a2' }),
      samplePoint({ id: 'b2', time: at('1970-01-02'), parent: 'a2' }),
      samplePoint({ id: 'a3', time: at('2026-11-20'), parent: 'a2' }),
    ];
    expect(keptTimes(points, { keepLast: 1 }, { now })).toEqual([
      '2026-11-20: newest, last 1',
      '2026-11-18: out of order',
      '2026-11-17: out of order',
      '1970-01-02: out of order',
      '1970-01-01: out of order',
    ]);
    // While the clock is wrong all older ones lie in the future.
    expect(keptTimes(points.slice(0, 4), { keepLast: 1 }, { now: Date.parse(at('1970-01-03')) })).toEqual([
      '2026-11-18: in the future',
      '2026-11-17: in the future',
      '1970-01-02: newest, last 1',
    ]);
  });

  it('leaves a synthetic full and its point when either is in doubt', () => {
    const points = [
      samplePoint({ id: 'a1', time: at('2026-11-15') }),
      samplePoint({ id: '55', time: at('2026-11-15'), of: 'a1' }),
      samplePoint({ id: 'b2', time: at('2026-11-14'), parent: '55' }),
      samplePoint({ id: 'c1', time: at('2026-11-19') }),
    ];
    expect(keptTimes(points, { keepLast: 1 }, { now })).toEqual([
      '2026-11-19: newest, last 1',
      '2026-11-15: out of order',
      '2026-11-15: out of order',
      '2026-11-14: out of order',
    ]);
  });

  it('that says that all is in the future drops nothing', () => {
    const points = pointsAt(days('2026-11-01', '2026-11-20'));
    expect(keptTimes(points, { keepLast: 1 }, { now: 0 })).toHaveLength(20);
  });

  it('does not loop over chains that are no chains', () => {
    const points = [
      samplePoint({ id: 'a1', parent: 'a2' }),
      samplePoint({ id: 'a2', parent: 'a1' }),
      samplePoint({ id: '55', of: '56' }),
      samplePoint({ id: '56', of: '55' }),
      samplePoint({ id: 'a3', parent: 'a3' }),
      samplePoint({ id: 'a4', parent: 'ff' }),
    ];
    expect(plan(points, { keepLast: 9 })).toHaveLength(6);
  });
});

describe('rules that cannot be used', () => {
  it.each<[RetentionRules, string]>([
    [{}, 'no rule says which points to keep'],
    [{ keepTags: [] }, 'no rule says which points to keep'],
    [{ keepLast: 0 }, 'keep-last takes a whole number of 1 or more, not 0'],
    [{ keepDaily: -1 }, 'keep-daily takes a whole number of 1 or more, not -1'],
    [{ keepLast: 3, keepYearly: 1.5 }, 'keep-yearly takes a whole number of 1 or more, not 1.5'],
    [{ keepWeekly: Number.NaN }, 'keep-weekly takes a whole number of 1 or more, not NaN'],
    [{ keepWithin: '' }, 'keep-within takes a time such as 30d, 12h or 1y6m, not ""'],
    [{ keepLast: 1, keepWithin: '0d' }, 'keep-within takes a time such as 30d, 12h or 1y6m, not "0d"'],
    [{ keepTags: [''] }, 'keep-tag takes a tag that is not empty'],
  ])('%j: %s', (rules, message) => {
    const refusal = expect.objectContaining({ code: 'USAGE', message });
    expect(() => checkRules(rules)).toThrow(refusal);
    expect(() => plan([samplePoint({ id: idFrom('a1') })], rules)).toThrow(refusal);
  });
});
