import { expect, test } from 'vitest';
import { previewRetention } from '../../../../src/jobs/setup/preview.ts';

const from = Date.parse('2026-01-01T00:00:00Z');
const daily = { calendar: '0 1 * * *', timeZone: 'UTC' };

test('everything is kept where nothing is forgotten', () => {
  expect(previewRetention(null, daily, 'UTC', from)).toEqual([
    { weeks: 4, made: 28, kept: 28, oldest: 27 },
    { weeks: 52, made: 364, kept: 364, oldest: 363 },
    { weeks: 156, made: 1092, kept: 1092, oldest: 1091 },
  ]);
});

test('rules are applied week by week', () => {
  expect(previewRetention({ keepDaily: 7 }, daily, 'UTC', from).map(({ kept, oldest }) => [kept, oldest])).toEqual([
    [7, 6],
    [7, 6],
    [7, 6],
  ]);
});

test('of an interval each start is a point; what takes too long is left out', () => {
  expect(previewRetention({ keepLast: 3 }, { every: '1h' }, 'UTC', from)).toEqual([
    { weeks: 4, made: 672, kept: 3, oldest: 0 },
    { weeks: 52, made: 8736, kept: 3, oldest: 0 },
  ]);
  expect(previewRetention({ keepLast: 3 }, { every: '1m' }, 'UTC', from)).toEqual([]);
});
