/**
 * What rules will keep, tried on points that are yet to be made: the schedule runs ahead, and once a week everything is
 * dropped that the rules do not keep, as a consolidation does it. Pure.
 */
import type { RetentionPoint } from '../../repository/instants.ts';
import { planRetention, type RetentionRules } from '../../repository/retention.ts';
import { nextOccurrences } from '../schedule/calendar.ts';
import { parseInterval } from '../schedule/interval.ts';
import type { Schedule } from '../schedule/saved-job.ts';

export interface PreviewedMoment {
  /** Weeks from the beginning. */
  readonly weeks: number;
  readonly made: number;
  readonly kept: number;
  /** Days that the oldest kept point is old then. */
  readonly oldest: number;
}

const day = 86_400_000;
const week = 7 * day;
const moments = [4, 52, 156];
/** More is not tried: it takes seconds. */
const mostPoints = 10_000;

/** What is there after a month, a year and three years; a moment that takes too many points is left out. */
export function previewRetention(
  rules: RetentionRules | null,
  schedule: Schedule,
  timeZone: string,
  from: number,
): PreviewedMoment[] {
  const times = upcoming(schedule, from);
  let next = times.next();
  let points: RetentionPoint[] = [];
  let made = 0;
  const found: PreviewedMoment[] = [];
  for (let weeks = 1; weeks <= Math.max(...moments); weeks++) {
    const now = from + weeks * week;
    for (; !next.done && next.value < now; next = times.next()) {
      points.push(pointAt(next.value));
      made += 1;
      if (made > mostPoints) return found;
    }
    if (rules !== null) points = planRetention(points, rules, { timeZone, now }).flatMap(keptPoint);
    if (!moments.includes(weeks)) continue;
    const oldest = Math.min(now, ...points.map(({ time }) => Date.parse(time)));
    found.push({ weeks, made, kept: points.length, oldest: Math.floor((now - oldest) / day) });
  }
  return found;
}

/** The same for people: `  after a year   29 of 364, the oldest 324 days old`. None without a schedule. */
export function previewLines(rules: RetentionRules | null, schedule: Schedule | null, timeZone: string): string[] {
  if (schedule === null) return [];
  const found = previewRetention(rules, schedule, timeZone, Date.now());
  if (found.length === 0) return ['  so many points are made that no preview is'];
  const name = (weeks: number) => (weeks === 4 ? 'after 4 weeks' : weeks === 52 ? 'after a year ' : 'after 3 years');
  return [
    '  points of each disk then, if every backup is made:',
    ...found.map(
      ({ weeks, made, kept, oldest }) => `  ${name(weeks)}  ${kept} of ${made}, the oldest ${oldest} days old`,
    ),
  ];
}

function keptPoint({ point, keep }: { point: RetentionPoint; keep: boolean }): RetentionPoint[] {
  return keep ? [point] : [];
}

/** When the schedule will come, in milliseconds, for ever. */
function* upcoming(schedule: Schedule, from: number): Generator<number, undefined> {
  if ('every' in schedule) {
    const step = (parseInterval(schedule.every) ?? 1) * 1000;
    for (let at = from; ; at += step) yield at;
  }
  for (let at = from; ; ) {
    const batch = nextOccurrences(schedule, at, 50);
    yield* batch;
    const last = batch.at(-1);
    if (last === undefined) return;
    at = last;
  }
}

/** Each stands for itself: its root is its own. */
function pointAt(time: number): RetentionPoint {
  const id = time.toString(16).padStart(24, '0');
  const state = { parent: null, tags: [], protected: false, verified: null, forgotten: false };
  return { id, machine: 'm', disk: 'd', time: new Date(time).toISOString(), ...state, manifest: { root: id } };
}
