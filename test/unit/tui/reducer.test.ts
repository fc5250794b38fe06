import { describe, expect, test } from 'vitest';
import { rateOf, secondsLeft } from '../../../src/tui/state/job-view.ts';
import { chosenPoint, disksOf, rowCount, visiblePoints } from '../../../src/tui/state/selectors.ts';
import { apply, empty, failure, full, now, points, samplePoint } from './sample.ts';

const onPoints = apply(full, [{ type: 'go', screen: 'points', from: 'tab' }]);

describe('lists', () => {
  test('the cursor stays within them', () => {
    expect(apply(onPoints, [{ type: 'move', move: { by: -5 } }]).cursors.points ?? 0).toBe(0);
    expect(apply(onPoints, [{ type: 'move', move: { to: 'last' } }]).cursors.points).toBe(29);
    expect(apply(onPoints, [{ type: 'move', move: { by: 1000 } }]).cursors.points).toBe(29);
    expect(apply(onPoints, [{ type: 'move', move: { halfPages: 1 } }]).cursors.points).toBe(9);
  });

  test('a new point does not move the cursor to another one', () => {
    const at = apply(onPoints, [{ type: 'choose', index: 4 }]);
    const newer = { ...samplePoint('web01', 'sda', 0, 30), id: 'f'.repeat(24), time: new Date(now).toISOString() };
    const after = apply(at, [{ type: 'came', slot: 'points', value: [newer, ...points], now }]);
    expect(chosenPoint(after)?.id).toBe(chosenPoint(at)?.id);
    expect(after.cursors.points).toBe(5);
  });

  test('the filter takes words in any order, and Esc takes it away before the screen', () => {
    const filtered = apply(onPoints, [{ type: 'filter-key', key: { key: 'text', text: 'daily 2026-11-18' } }]);
    expect(visiblePoints(filtered).map(({ time }) => time.slice(0, 10))).toEqual(['2026-11-18']);
    const back = apply(filtered, [{ type: 'back' }]);
    expect(back.screen).toBe('points');
    expect(rowCount(back)).toBe(30);
  });

  test('points are of the chosen disk, sorted as was asked', () => {
    expect(new Set(visiblePoints(onPoints).map(({ machine }) => machine))).toEqual(new Set(['web01']));
    const largest = apply(onPoints, [{ type: 'sort', sorting: 'largest' }]);
    expect(visiblePoints(largest)[0]?.kind).toBe('full');
    const oldest = apply(onPoints, [{ type: 'sort', sorting: 'oldest' }]);
    expect(visiblePoints(oldest)[0]?.id).toBe(points[29]?.id);
  });

  test('disks tell their newest point, and damage found in this session', () => {
    expect(disksOf(full).map(({ machine, points: count, damaged }) => [machine, count, damaged])).toEqual([
      ['db01', 9, 0],
      ['web01', 30, 1],
      ['файловый-сервер-日本語', 3, 0],
    ]);
    expect(disksOf(apply(full, [{ type: 'damaged', found: [], good: [points[3]?.id ?? ''] }]))[1]?.damaged).toBe(0);
  });
});

describe('what was asked for', () => {
  test('stays when reading it anew fails', () => {
    const after = apply(full, [
      { type: 'asked', slot: 'points', now },
      { type: 'failed', slot: 'points', failure },
    ]);
    expect(after.slots.points).toMatchObject({ value: points, failure, since: null });
  });

  test('a screen that was left is come back to', () => {
    const deep = apply(onPoints, [
      { type: 'point-opened', id: points[2]?.id ?? '' },
      { type: 'go', screen: 'help' },
    ]);
    expect(deep.before).toEqual(['point', 'points']);
    expect(apply(deep, [{ type: 'back' }, { type: 'back' }, { type: 'back' }]).screen).toBe('points');
  });
});

describe('a job', () => {
  const began = apply(empty, [{ type: 'job-began', id: 7, action: 'backup', subject: 'x', now }]);
  const progress = (seconds: number, position: number) =>
    ({
      type: 'job-event',
      id: 7,
      now: now + seconds * 1000,
      event: { event: 'progress', time: '', position, total: 1000, bytesNew: 3 },
    }) as const;

  test('tells how fast it is and what is left', () => {
    const [job] = apply(began, [progress(1, 100), progress(2, 200)]).jobs;
    if (job === undefined) throw new Error('there is no job');
    expect(rateOf(job)).toBe(100);
    expect(secondsLeft(job)).toBe(8);
    expect(job.rates).toEqual([100, 100]);
    expect(job.figures).toEqual({ bytesNew: 3 });
  });

  test('counts anew from a new stage', () => {
    const [job] = apply(began, [
      progress(10, 900),
      { type: 'job-event', id: 7, now: now + 10_000, event: { event: 'stage', time: '', stage: 'verify' } },
      progress(11, 50),
    ]).jobs;
    if (job === undefined) throw new Error('there is no job');
    expect(rateOf(job)).toBe(50);
  });

  test.each([
    [null, [], 'done'],
    [null, [{ event: 'warning', time: '', code: 'LIVE_SOURCE', message: 'x' }], 'warnings'],
    [failure, [], 'failed'],
    [{ ...failure, code: 'INTERRUPTED' }, [], 'stopped'],
  ] as const)('that ends with %j after %j is %s', (why, events, state) => {
    const after = apply(began, [
      ...events.map((event) => ({ type: 'job-event', id: 7, now, event }) as const),
      { type: 'job-ended', id: 7, outcome: [], failure: why, now },
    ]);
    expect(after.jobs[0]?.state).toBe(state);
  });
});

test('a notice goes by itself', () => {
  const said = apply(empty, [{ type: 'notice', text: 'x', role: 'ok', now }]);
  expect(apply(said, [{ type: 'tick', now: now + 1000 }]).notice?.text).toBe('x');
  expect(apply(said, [{ type: 'tick', now: now + 10_000 }]).notice).toBeNull();
});

test('a hundred thousand points are filtered, and drawn from the middle, without being gone through again', () => {
  const many = Array.from({ length: 100_000 }, (_, n) => samplePoint('m', 'd', 0, 2 + n)).map((point, n) => ({
    ...point,
    id: String(n),
  }));
  const state = apply(onPoints, [
    { type: 'disk', disk: null },
    { type: 'came', slot: 'points', value: many, now },
    { type: 'move', move: { to: 'last' } },
  ]);
  expect(state.cursors.points).toBe(99_999);
  const moved = apply(state, [{ type: 'move', move: { by: -1 } }]);
  expect(visiblePoints(moved)).toBe(visiblePoints(state));
});
