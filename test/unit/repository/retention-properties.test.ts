/** What holds of retention for any points and any rules: simulated histories, sane ones and ones whose clocks jump. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RetentionPoint } from '../../../src/repository/instants.ts';
import type { RetentionRules } from '../../../src/repository/retention.ts';
import { now, plan, samplePoint } from './retention-points.ts';

const hour = 3_600_000;
const begin = Date.parse('2024-12-20T00:00:00Z');
const tags = ['nightly', 'release'];
const zones = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe'];

/** How a point comes about; `on` picks what it is made on among those before it. */
const step = fc.record({
  hours: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 1, max: 30 }) }, fc.integer({ min: 1, max: 2000 })),
  jump: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: -9000, max: 300_000 })),
  disk: fc.constantFrom('sda', 'sda', 'sdb'),
  kind: fc.constantFrom('full', 'incremental', 'incremental', 'incremental', 'synthetic'),
  on: fc.nat(3),
  protected: fc.nat(9).map((n) => n === 0),
  verified: fc.nat(4).map((n) => n === 0),
  forgotten: fc.nat(4).map((n) => n === 0),
  tags: fc.subarray(tags),
});

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** The points that these steps make, in that order; clocks jump only when told so. */
function history(steps: readonly Step[], jumping: boolean): RetentionPoint[] {
  const points: RetentionPoint[] = [];
  let hours = 0;
  for (const [index, made] of steps.entries()) {
    hours += made.hours;
    const candidates = points.filter(({ disk }) => disk === made.disk);
    const below = candidates.at(-1 - (made.on % Math.max(1, candidates.length)));
    const jump = jumping ? made.jump : 0;
    const time = new Date(Math.max(0, begin + (hours + jump) * hour)).toISOString();
    const common = { id: index.toString(16).padStart(4, '0'), disk: made.disk, tags: made.tags };
    const marks = { protected: made.protected, verified: made.verified ? time : null, forgotten: made.forgotten };
    if (made.kind === 'synthetic' && below !== undefined) {
      points.push(samplePoint({ ...common, ...marks, of: below.id, time: below.time, root: below.manifest.root }));
    } else {
      const parent = made.kind === 'full' ? null : (below?.id ?? null);
      points.push(samplePoint({ ...common, ...marks, parent, time, root: common.id }));
    }
  }
  return points;
}

const steps = fc.array(step, { minLength: 1, maxLength: 60 });
const anyHistory = fc.tuple(steps, fc.boolean()).map(([made, jumping]) => history(made, jumping));
const saneHistory = steps.map((made) => history(made, false));

const few = fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined });
const rules: fc.Arbitrary<RetentionRules> = fc
  .record({
    keepLast: few,
    keepHourly: few,
    keepDaily: few,
    keepWeekly: few,
    keepMonthly: few,
    keepYearly: few,
    keepWithin: fc.option(fc.constantFrom('12h', '3d', '1m', '1y6m'), { nil: undefined }),
    keepTags: fc.subarray(tags),
  })
  .map((given) =>
    Object.values(given)
      .flat()
      .every((rule) => rule === undefined)
      ? { keepLast: 1 }
      : given,
  );
const zone = fc.constantFrom(...zones);

function keptIds(points: readonly RetentionPoint[], given: RetentionRules, timeZone: string, at = now): Set<string> {
  const decisions = plan(points, given, { timeZone, now: at });
  return new Set(decisions.filter(({ keep }) => keep).map(({ point }) => point.id));
}

/** As `forget` leaves it. */
function afterwards(points: readonly RetentionPoint[], kept: ReadonlySet<string>): RetentionPoint[] {
  return points.map((point) => ({ ...point, forgotten: !kept.has(point.id) }));
}

function expectSuperset(larger: ReadonlySet<string>, smaller: ReadonlySet<string>): void {
  expect([...smaller].filter((id) => !larger.has(id))).toEqual([]);
}

describe('retention', () => {
  it('decides about each point once, gives reasons, and does not depend on the order of its input', () => {
    const shuffled = anyHistory.chain((points) =>
      fc.tuple(fc.constant(points), fc.shuffledSubarray(points, { minLength: points.length })),
    );
    fc.assert(
      fc.property(shuffled, rules, zone, ([points, others], given, timeZone) => {
        const decisions = plan(points, given, { timeZone });
        const expected = points.filter(({ forgotten }) => !forgotten).map(({ id }) => id);
        expect(decisions.map(({ point }) => point.id).sort()).toEqual(expected.sort());
        for (const { keep, reasons } of decisions) {
          if (keep) expect(reasons.length).toBeGreaterThan(0);
          else expect(reasons.join()).toMatch(/^(superseded by [0-9a-f]{8})?$/);
        }
        expect(keptIds(others, given, timeZone)).toEqual(keptIds(points, given, timeZone));
      }),
      { numRuns: 150 },
    );
  });

  it('always keeps protected and tagged points, what lies in the future, a point of each disk and a verified one', () => {
    const moments = fc.integer({ min: begin, max: begin + 40_000 * hour });
    fc.assert(
      fc.property(anyHistory, rules, zone, moments, (points, given, timeZone, at) => {
        const kept = keptIds(points, given, timeZone, at);
        const there = points.filter(({ forgotten }) => !forgotten);
        for (const point of there) {
          const tagged = point.tags.some((tag) => given.keepTags?.includes(tag));
          if (point.protected || tagged || Date.parse(point.time) > at) expect(kept).toContain(point.id);
        }
        for (const all of Map.groupBy(there, ({ disk }) => disk).values()) {
          expect(all.some(({ id }) => kept.has(id))).toBe(true);
          const verified = all.filter((point) => point.verified !== null);
          if (verified.length > 0) expect(verified.some(({ id }) => kept.has(id))).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('drops nothing more when it plans again over what it kept, dropped points being there or gone', () => {
    fc.assert(
      fc.property(anyHistory, rules, zone, (points, given, timeZone) => {
        const kept = keptIds(points, given, timeZone);
        expect(keptIds(afterwards(points, kept), given, timeZone)).toEqual(kept);
        const left = points.filter(({ id, forgotten }) => forgotten || kept.has(id));
        expect(keptIds(left, given, timeZone)).toEqual(kept);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps no less when a rule says more, or there is one more', () => {
    const counts = ['keepLast', 'keepHourly', 'keepDaily', 'keepWeekly', 'keepMonthly', 'keepYearly'] as const;
    fc.assert(
      fc.property(anyHistory, rules, zone, (points, given, timeZone) => {
        const kept = keptIds(points, given, timeZone);
        for (const rule of counts) {
          expectSuperset(keptIds(points, { ...given, [rule]: (given[rule] ?? 0) + 1 }, timeZone), kept);
        }
        expectSuperset(keptIds(points, { ...given, keepTags: tags }, timeZone), kept);
        expectSuperset(keptIds(points, { ...given, keepWithin: '9y' }, timeZone), kept);
      }),
      { numRuns: 150 },
    );
  });

  it('brings nothing back when newer points come', () => {
    fc.assert(
      fc.property(anyHistory, rules, zone, fc.integer({ min: 1, max: 5000 }), (points, given, timeZone, hours) => {
        const latest = Math.max(...points.map(({ time }) => Date.parse(time)));
        const time = new Date(latest + hours * hour).toISOString();
        const newer = samplePoint({ id: 'ffff', time });
        const kept = keptIds([...points, newer], given, timeZone);
        expect(kept).toContain(newer.id);
        expectSuperset(new Set([...keptIds(points, given, timeZone), newer.id]), kept);
      }),
      { numRuns: 150 },
    );
  });

  it('plans each disk as if it were the only one', () => {
    fc.assert(
      fc.property(anyHistory, rules, zone, (points, given, timeZone) => {
        const apart = ['sda', 'sdb'].map((disk) =>
          keptIds(
            points.filter((point) => point.disk === disk),
            given,
            timeZone,
          ),
        );
        expect(keptIds(points, given, timeZone)).toEqual(new Set(apart.flatMap((ids) => [...ids])));
      }),
      { numRuns: 150 },
    );
  });

  it('keeps no less when the clock of who forgets is behind', () => {
    fc.assert(
      fc.property(saneHistory, rules, zone, fc.integer({ min: 0, max: 3000 }), (points, given, timeZone, hours) => {
        const latest = Math.max(...points.map(({ time }) => Date.parse(time)));
        const kept = keptIds(points, given, timeZone, latest);
        expectSuperset(keptIds(points, given, timeZone, latest - hours * hour), kept);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps no less for a point whose clock is seen to be wrong, and keeps that', () => {
    fc.assert(
      fc.property(saneHistory, rules, zone, fc.nat(), fc.integer(), (points, given, timeZone, place, hours) => {
        const inside = points[place % points.length];
        const time = new Date(Math.max(0, begin + (hours % 60_000) * hour)).toISOString();
        const wrong = samplePoint({ id: 'eeee', disk: inside?.disk ?? '', parent: inside?.id ?? null, time });
        const latest = Math.max(...points.map((point) => Date.parse(point.time)));
        const decisions = plan([...points, wrong], given, { timeZone, now: latest });
        const { reasons = [] } = decisions.find(({ point }) => point.id === wrong.id) ?? {};
        fc.pre(reasons.includes('in the future') || reasons.includes('out of order'));
        const kept = new Set(decisions.filter(({ keep }) => keep).map(({ point }) => point.id));
        expectSuperset(kept, new Set([...keptIds(points, given, timeZone, latest), wrong.id]));
      }),
      { numRuns: 150 },
    );
  });
});

/** The rules once more, each said of a single point and with periods as Intl writes them. */
describe('of a sane history', () => {
  const formats = {
    keepHourly: { dateStyle: 'short', timeStyle: 'long' },
    keepDaily: { dateStyle: 'short' },
    keepMonthly: { year: 'numeric', month: 'numeric' },
    keepYearly: { year: 'numeric' },
  } as const satisfies Record<string, Intl.DateTimeFormatOptions>;

  it('each point is kept that the definition keeps', () => {
    const simple = steps.map((made) =>
      history(
        made.map((one) => ({ ...one, kind: 'full', disk: 'sda', forgotten: false })),
        false,
      ),
    );
    fc.assert(
      fc.property(simple, rules, zone, (points, given, timeZone) => {
        const names = Object.entries(formats).flatMap(([rule, format]) => {
          const wanted = given[rule as keyof typeof formats];
          if (wanted === undefined) return [];
          const shown = new Intl.DateTimeFormat('en-US', { timeZone, ...format });
          // Of a time to the second with its zone the hour and the zone are the period.
          const name = ({ time }: RetentionPoint) => shown.format(Date.parse(time)).replace(/:\d\d:\d\d/, '');
          return [{ wanted, name }];
        });
        const newestFirst = points.toReversed();
        const expected = newestFirst.filter((point, index) => {
          const newer = newestFirst.slice(0, index);
          const isOldest = index === newestFirst.length - 1;
          const byPeriods = names.some(({ wanted, name }) => {
            const before = new Set(newer.map(name));
            return before.size < wanted && (!before.has(name(point)) || isOldest);
          });
          const isNewestVerified = point.verified !== null && newer.every(({ verified }) => verified === null);
          const tagged = point.tags.some((tag) => given.keepTags?.includes(tag));
          return index < (given.keepLast ?? 1) || byPeriods || isNewestVerified || tagged || point.protected;
        });
        const { keepWithin: _, keepWeekly: __, ...others } = given;
        fc.pre(
          Object.values(others)
            .flat()
            .some((rule) => rule !== undefined),
        );
        expect(keptIds(points, others, timeZone)).toEqual(new Set(expected.map(({ id }) => id)));
      }),
      { numRuns: 150 },
    );
  });
});
