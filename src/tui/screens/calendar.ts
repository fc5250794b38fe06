/** Two weeks up to the chosen point: on which days there are points, and how many. */
import type { ListedPoint } from '../../jobs/points.ts';
import { remember } from '../state/remember.ts';
import type { State } from '../state/state.ts';
import { formatMoment } from '../view/format.ts';
import { type Line, line, span } from '../view/line.ts';
import type { Look } from '../view/look.ts';

const days = 14;
const day = 86_400_000;
const initials = 'SMTWTFS';

const perDay = remember((points: readonly ListedPoint[], utc: boolean): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const { time } of points) {
    const date = formatMoment(time, utc).slice(0, 10);
    counts.set(date, (counts.get(date) ?? 0) + 1);
  }
  return counts;
});

export function calendar(points: readonly ListedPoint[], point: ListedPoint, { utc }: State, _look: Look): Line[] {
  const counts = perDay(points, utc);
  const last = Date.parse(point.time);
  const dates = Array.from({ length: days }, (_, index) => new Date(last - (days - 1 - index) * day));
  const names = dates.map((date) => formatMoment(date.toISOString(), utc).slice(0, 10));
  const weekday = (date: Date) => initials[utc ? date.getUTCDay() : date.getDay()] ?? ' ';
  return [
    [span(' two weeks to ', 'muted'), span(names.at(-1) ?? '', 'muted')],
    line(`  ${dates.map(weekday).join(' ')}`, 'muted'),
    line(`  ${names.map((name) => countSign(counts.get(name) ?? 0)).join(' ')}`),
  ];
}

function countSign(count: number): string {
  return count === 0 ? '.' : count > 9 ? '+' : String(count);
}
