import type { RetentionPoint } from '../../../src/repository/instants.ts';
import { type Decision, planRetention, type RetentionRules } from '../../../src/repository/retention.ts';
import { idFrom } from './manifests.ts';

/** Long after all points. */
export const now = Date.parse('2050-01-01T00:00:00Z');

interface Sample extends Partial<Omit<RetentionPoint, 'id' | 'parent' | 'manifest'>> {
  readonly id: string;
  readonly parent?: string | null;
  /** The point that this one equals, as a synthetic full. */
  readonly of?: string;
  readonly root?: string;
}

/** A point of web1/sda as retention sees it; ids are filled up. */
export function samplePoint({ id, parent = null, of, root = 'ab'.repeat(32), ...fields }: Sample): RetentionPoint {
  const synthesis =
    of === undefined ? {} : { synthesis: { of: idFrom(of), mergedPoints: 2, mode: 'reference' as const } };
  return {
    id: idFrom(id),
    machine: 'web1',
    disk: 'sda',
    time: '2026-11-20T22:00:00.000Z',
    parent: parent === null ? null : idFrom(parent),
    tags: [],
    protected: false,
    verified: null,
    forgotten: false,
    manifest: { root, ...synthesis },
    ...fields,
  };
}

/** Points at these times, the time without what is zero: `2026-11-20`, `2026-11-20T22`. */
export function pointsAt(times: readonly string[]): RetentionPoint[] {
  return times.map((time, index) =>
    samplePoint({
      id: `a${String(index).padStart(6, '0')}`,
      time: `${time}${'T00:00:00.000Z'.slice(time.length - 10)}`,
    }),
  );
}

export interface Settings {
  readonly timeZone?: string;
  readonly now?: number;
}

export function plan(
  points: readonly RetentionPoint[],
  rules: RetentionRules,
  settings: Settings = {},
): readonly Decision[] {
  return planRetention(points, rules, { timeZone: 'UTC', now, ...settings });
}

/** What is kept and why, newest first: `2026-11-20: newest, last 3`. */
export function keptTimes(points: readonly RetentionPoint[], rules: RetentionRules, settings: Settings = {}): string[] {
  return plan(points, rules, settings)
    .filter(({ keep }) => keep)
    .map(({ point, reasons }) => `${shortTime(point.time)}: ${reasons.join(', ')}`);
}

function shortTime(time: string): string {
  return time.replace(/(T00)?(:00)*(\.000)?Z$/, '');
}
