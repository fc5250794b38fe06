/** What the engine must reach, and whether a comparison reached it. */
import type { Comparison, Measurement } from './compare.ts';
import type { Step } from './contestants.ts';
import { median } from './report.ts';

export interface Verdict {
  readonly target: string;
  readonly limit: number;
  readonly value: number;
  readonly reached: boolean;
}

/** A figure of Strata, divided by that of another within each round; the median of the rounds. */
export function ratio(comparison: Comparison, step: Step, over: string, figure: 'wall' | 'stored'): number {
  const of = (name: string): readonly Measurement[] =>
    comparison.measurements.filter((each) => each.step === step && each.contestant === name);
  const others = of(over);
  return median(of('strata').map((ours, index) => ours[figure] / (others[index]?.[figure] ?? Number.NaN)));
}

/** Holds a comparison against every target. */
export function judge(comparison: Comparison): readonly Verdict[] {
  const speed = (step: Step, over: string): number => 1 / ratio(comparison, step, over, 'wall');
  const ours = comparison.measurements.filter((each) => each.contestant === 'strata');
  const incrementals = ours.filter((each) => each.step === 'incremental');
  const overhead = median(
    incrementals.map((each, index) => each.stored / (comparison.changedCompressed[index] ?? Number.NaN)),
  );
  const peak = Math.max(...ours.map((each) => each.peak)) / 2 ** 20;
  return [
    atLeast('full: speed over zstd -1 -T0', 1, speed('full', 'zstd -1 -T0')),
    atLeast('full: speed over restic', 3, speed('full', 'restic')),
    atLeast('full: speed over borg', 2.5, speed('full', 'borg')),
    atMost('full: stored size over borg', 1.05, ratio(comparison, 'full', 'borg', 'stored')),
    atLeast('unchanged: speed over restic --force', 4, speed('unchanged', 'restic')),
    atLeast('unchanged: speed over borg', 3, speed('unchanged', 'borg')),
    atMost('incremental: stored size over the changed blocks compressed', 1.2, overhead),
    atLeast('restore: speed over cp', 0.7, speed('restore', 'cp')),
    atLeast('restore: speed over cp and sync', 0.7, speed('restore', 'cp and sync')),
    atMost('peak memory of any step, MiB', 400, peak),
  ];
}

const atLeast = (target: string, limit: number, value: number): Verdict => ({
  target: `${target}, at least`,
  limit,
  value,
  reached: value >= limit,
});

const atMost = (target: string, limit: number, value: number): Verdict => ({
  target: `${target}, at most`,
  limit,
  value,
  reached: value <= limit,
});
