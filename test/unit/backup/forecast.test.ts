import { describe, expect, it, test } from 'vitest';
import { forecast, isHopeless } from '../../../src/backup/forecast.ts';

const gib = 1024 ** 3;
const mib = 1024 ** 2;
const hour = 3600;

describe('the forecast of a backup', () => {
  test.for([
    // [what, standing, seconds left]
    ['half of it in ten minutes', { seconds: 600, position: 50, total: 100, stored: 25, arrived: 25 }, 600],
    ['nothing to store: the source counts', { seconds: 60, position: 10, total: 100, stored: 0, arrived: 0 }, 540],
    ['all read, some still to be sent', { seconds: 100, position: 100, total: 100, stored: 50, arrived: 25 }, 100],
    ['much was read ahead of the link', { seconds: 10, position: 20, total: 100, stored: 20, arrived: 1 }, 990],
    ['all is done', { seconds: 10, position: 100, total: 100, stored: 20, arrived: 20 }, 0],
    [
      'more arrived than frames: heads and indexes',
      { seconds: 10, position: 100, total: 100, stored: 20, arrived: 21 },
      0,
    ],
  ] as const)('%s', ([, standing, seconds]) => {
    expect(forecast(standing)?.secondsLeft).toBeCloseTo(seconds, 6);
  });

  it('names what is left and how fast it goes', () => {
    const standing = { seconds: 100, position: 10 * gib, total: 100 * gib, stored: gib, arrived: 100 * mib };
    expect(forecast(standing)).toEqual({
      left: 10 * gib - 100 * mib,
      rate: mib,
      secondsLeft: (10 * gib - 100 * mib) / mib,
    });
  });

  test.for([
    ['nothing was read', { seconds: 10, position: 0, total: 100, stored: 0, arrived: 0 }],
    ['too little was read', { seconds: 10, position: 4, total: 1000, stored: 4, arrived: 4 }],
    ['nothing has arrived', { seconds: 10, position: 50, total: 100, stored: 50, arrived: 0 }],
    ['it has just begun', { seconds: 0, position: 50, total: 100, stored: 50, arrived: 0 }],
  ] as const)('is none when %s', ([, standing]) => {
    expect(forecast(standing)).toBeNull();
  });
});

describe('a run with a limit', () => {
  const left = (secondsLeft: number) => ({ left: 1, rate: 1, secondsLeft });
  test.for([
    // [seconds, seconds left, limit, stopped]
    [600, 6 * hour, 8 * hour, false],
    [600, 9 * hour, 8 * hour, false],
    [1000, 9 * hour, 8 * hour, false],
    [600, 10 * hour, 8 * hour, true],
    [590, 100 * hour, 8 * hour, false],
    [8 * hour, 1, 8 * hour, true],
    [2, 100, 10, false],
    [3, 100, 10, true],
  ] as const)('after %d s with %d s left of a limit of %d s: stopped %s', ([seconds, more, limit, stopped]) => {
    expect(isHopeless(seconds, left(more), limit)).toBe(stopped);
  });

  it('of which nothing can be told goes on, until its time is over', () => {
    expect(isHopeless(7 * hour, null, 8 * hour)).toBe(false);
    expect(isHopeless(8 * hour, null, 8 * hour)).toBe(true);
  });
});
