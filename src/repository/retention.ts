/**
 * Which points a policy keeps. A pure function: nothing is read, nothing is dropped.
 *
 * The rules hold for each disk of each machine, and each for itself: a point that any of them keeps is kept. Of each
 * hour, day, week, month or year the newest point counts, from the newest period back; periods without points do not
 * count. While there are fewer periods than wanted the oldest point is kept too, so that a history grows to its full length.
 * `keepWithin` is counted back from the newest point of the disk, not from the clock.
 *
 * Kept whatever the rules say: protected points, of each disk the newest and the newest verified one, and all whose
 * time is in doubt (instants.ts); these count for no rule. Any mistake about time keeps more, never less.
 */
import { fail } from '../errors.ts';
import { type Instant, instantsOf, type RetentionPoint } from './instants.ts';
import { momentBefore, openZone, type Period, parseSpan, periodOf, type Zone } from './periods.ts';

export interface RetentionRules {
  readonly keepLast?: number | undefined;
  readonly keepHourly?: number | undefined;
  readonly keepDaily?: number | undefined;
  /** ISO weeks, which begin on Monday. */
  readonly keepWeekly?: number | undefined;
  readonly keepMonthly?: number | undefined;
  readonly keepYearly?: number | undefined;
  /** `30d`, `12h`, `1y6m`. */
  readonly keepWithin?: string | undefined;
  /** All points that have any of these. */
  readonly keepTags?: readonly string[] | undefined;
}

export interface Decision {
  readonly point: RetentionPoint;
  readonly keep: boolean;
  /** Why it is kept; of a dropped one the point that stands for it, if there is one. */
  readonly reasons: readonly string[];
}

const counts = ['keepLast', 'keepHourly', 'keepDaily', 'keepWeekly', 'keepMonthly', 'keepYearly'] as const;

const periods: readonly (readonly [Period, (typeof counts)[number]])[] = [
  ['hourly', 'keepHourly'],
  ['daily', 'keepDaily'],
  ['weekly', 'keepWeekly'],
  ['monthly', 'keepMonthly'],
  ['yearly', 'keepYearly'],
];

/** Refuses rules that say nothing, or nothing that can be understood: USAGE. */
export function checkRules(rules: RetentionRules): void {
  for (const rule of counts) {
    const value = rules[rule];
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      throw fail('USAGE', { problem: `${wordsOf(rule)} takes a whole number of 1 or more, not ${value}` });
    }
  }
  const { keepWithin, keepTags = [] } = rules;
  if (keepWithin !== undefined && parseSpan(keepWithin) === null) {
    throw fail('USAGE', {
      problem: `keep-within takes a time such as 30d, 12h or 1y6m, not "${keepWithin}"`,
    });
  }
  if (keepTags.includes('')) throw fail('USAGE', { problem: 'keep-tag takes a tag that is not empty' });
  if (counts.every((rule) => rules[rule] === undefined) && keepWithin === undefined && keepTags.length === 0) {
    throw fail('USAGE', { problem: 'no rule says which points to keep' });
  }
}

/** `keepLast` → `keep-last`, as the command line has it. */
function wordsOf(rule: string): string {
  return rule.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * Decides about each point that is not forgotten: disk by disk, newest first. Forgotten ones are to be among `points`
 * too, for they tell in which order others were made. `timeZone` is an IANA name, by default the machine's; `now` is in
 * milliseconds since 1970. USAGE for rules or a zone that cannot be used.
 */
export function planRetention(
  points: readonly RetentionPoint[],
  rules: RetentionRules,
  { timeZone, now = Date.now() }: { readonly timeZone?: string | undefined; readonly now?: number | undefined } = {},
): Decision[] {
  checkRules(rules);
  const zone = openZone(timeZone);
  return instantsOf(points, now).flatMap((instants) => {
    const reasons = keptOf(instants, rules, zone);
    return instants.flatMap(({ points: [first, ...others] }) => [
      decisionOf(first, reasons),
      ...others.map((other) => decisionOf(other, reasons, first)),
    ]);
  });
}

type Reasons = ReadonlyMap<RetentionPoint, readonly string[]>;

function decisionOf(point: RetentionPoint, kept: Reasons, standIn?: RetentionPoint): Decision {
  const reasons = kept.get(point);
  if (reasons !== undefined) return { point, keep: true, reasons };
  const superseded = standIn !== undefined && kept.has(standIn);
  return { point, keep: false, reasons: superseded ? [`superseded by ${standIn.id.slice(0, 8)}`] : [] };
}

/** Why points of one disk are kept. */
function keptOf(instants: readonly Instant[], rules: RetentionRules, zone: Zone): Reasons {
  const kept = new Map<RetentionPoint, string[]>();
  const keep = (point: RetentionPoint | undefined, reason: string) => {
    if (point !== undefined) kept.set(point, [...(kept.get(point) ?? []), reason]);
  };
  const sure = instants.filter(({ doubt }) => doubt === null);
  keep(sure[0]?.points[0], 'newest');
  for (const { points, doubt } of instants) {
    for (const point of points) {
      if (point.protected) keep(point, 'protected');
      if (doubt !== null) keep(point, doubt);
    }
  }
  keep(
    sure.flatMap(({ points }) => points).find(({ verified }) => verified !== null),
    'last verified',
  );
  keepByRules(sure, rules, zone, ({ points: [first] }, reason) => keep(first, reason));
  for (const tag of new Set(rules.keepTags)) {
    for (const point of instants.flatMap(({ points }) => points))
      if (point.tags.includes(tag)) keep(point, `tag ${tag}`);
  }
  return kept;
}

function keepByRules(
  instants: readonly Instant[],
  rules: RetentionRules,
  zone: Zone,
  keep: (instant: Instant, reason: string) => void,
): void {
  const { keepLast = 0, keepWithin } = rules;
  for (const instant of instants.slice(0, keepLast)) keep(instant, `last ${keepLast}`);
  for (const [period, rule] of periods) {
    const wanted = rules[rule];
    if (wanted !== undefined) keepPeriods(instants, wanted, period, zone, keep);
  }
  const [newest] = instants;
  const span = keepWithin === undefined ? null : parseSpan(keepWithin);
  if (newest === undefined || span === null) return;
  const since = momentBefore(zone, newest.time, span);
  for (const instant of instants) if (instant.time >= since) keep(instant, `within ${keepWithin}`);
}

function keepPeriods(
  instants: readonly Instant[],
  wanted: number,
  period: Period,
  zone: Zone,
  keep: (instant: Instant, reason: string) => void,
): void {
  const newest = new Map<string, Instant>();
  for (const instant of instants) {
    const name = periodOf(zone, period, instant.time);
    if (newest.has(name)) continue;
    if (newest.size === wanted) return;
    newest.set(name, instant);
    keep(instant, `${period} ${name}`);
  }
  const oldest = instants.at(-1);
  if (oldest === undefined || newest.size === wanted || [...newest.values()].includes(oldest)) return;
  keep(oldest, `oldest (${period})`);
}
