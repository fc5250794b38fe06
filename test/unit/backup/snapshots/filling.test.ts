import { expect, it } from 'vitest';
import { Filling, inMib } from '../../../../src/backup/snapshots/filling.ts';

const mib = 1024 ** 2;
const total = 1000 * mib;

/** Looks once a second; gives when it said that it is of no use, and what. */
function watch(used: (second: number) => number, secondsLeft: (second: number) => number | null, seconds = 1000) {
  const filling = new Filling();
  for (let second = 0; second < seconds; second++) {
    const reason = filling.look(5000 + second, { used: used(second), total }, secondsLeft(second));
    if (reason !== null) return { second, reason };
  }
  return null;
}

// 001-09
it('tells early, with figures, that a room is full long before all is read', () => {
  // Full after 200 s, of 1000.
  const found = watch(
    (second) => second * 5 * mib,
    (second) => 1000 - second,
  );
  expect(found?.second).toBe(48);
  expect(found?.reason).toBe(
    '240 MiB of the 1000 MiB that it has room for are used, and 5.0 MiB more each second: that lasts for about 152 s, and reading takes about 952 s more',
  );
});

it('says nothing where it may hold', () => {
  const steady = (second: number) => second * mib;
  expect(watch(steady, (second) => 900 - second)).toBeNull();
  // It would be full some time before the end: but less and less is overwritten for the first time.
  expect(watch(steady, (second) => 1500 - second, 500)).toBeNull();
  // A burst, and then nothing more.
  expect(
    watch(
      (second) => Math.min(second * 50, 600) * mib,
      (second) => (second < 20 ? null : 100_000),
    ),
  ).toBeNull();
  // How long it takes is not known.
  expect(
    watch(
      (second) => second * 5 * mib,
      () => null,
      190,
    ),
  ).toBeNull();
});

it('goes by what is written lately, not by what was written once', () => {
  // Nothing for ten minutes, then all at once.
  const found = watch(
    (second) => Math.max(0, second - 600) * mib,
    () => 5000,
  );
  expect(found?.second).toBeGreaterThan(600);
  expect(found?.second).toBeLessThan(900);
});

it('does not conclude anything in the first seconds', () => {
  const found = watch(
    (second) => second * 90 * mib,
    () => 100,
  );
  expect(found?.second).toBe(10);
});

it('writes bytes as they are read best', () => {
  expect([0, 1.26 * mib, 9.96 * mib, 1234.4 * mib].map(inMib)).toEqual(['0.0 MiB', '1.3 MiB', '10.0 MiB', '1234 MiB']);
});
