import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { progressLine, progressText } from '../../../src/cli/progress-line.ts';

const gib = 1024 ** 3;

describe('progressText', () => {
  it('tells percentage, bytes, rate and time left', () => {
    expect(progressText({ label: 'backup', done: gib, total: 4 * gib, seconds: 2 })).toBe(
      'backup   25 %  1.0 GiB of 4.0 GiB  512.0 MiB/s  6.0s left',
    );
  });

  it('tells no percentage and no time left where the total is unknown', () => {
    expect(progressText({ label: 'backup', done: gib, total: undefined, seconds: 2 })).toBe(
      'backup  1.0 GiB  512.0 MiB/s',
    );
  });

  it('tells no rate before anything is done', () => {
    expect(progressText({ label: 'verify', done: 0, total: gib, seconds: 0 })).toBe('verify    0 %  0 B of 1.0 GiB');
  });

  it('does not say 100 % before the end', () => {
    expect(progressText({ label: 'verify', done: 999_999, total: 1_000_000, seconds: 0 })).toContain('   99 %');
  });

  it('takes empty work as done', () => {
    expect(progressText({ label: 'verify', done: 0, total: 0, seconds: 1 })).toBe('verify  100 %  0 B of 0 B');
  });
});

describe('progressLine', () => {
  it('draws a bar where there is room', () => {
    expect(progressLine({ label: 'backup', done: gib, total: 4 * gib, seconds: 2 }, 100)).toBe(
      'backup  [#####---------------]   25 %  1.0 GiB of 4.0 GiB  512.0 MiB/s  6.0s left',
    );
  });

  it('leaves the bar away where there is none', () => {
    expect(progressLine({ label: 'backup', done: gib, total: 4 * gib, seconds: 2 }, 60)).toBe(
      'backup   25 %  1.0 GiB of 4.0 GiB  512.0 MiB/s  6.0s left',
    );
  });

  it('never reaches the last column of the terminal', () => {
    fc.assert(
      fc.property(
        fc.record({
          label: fc.constantFrom('backup', 'restore'),
          done: fc.nat(),
          total: fc.option(fc.nat(), { nil: undefined }),
          seconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
        }),
        fc.integer({ min: 1, max: 200 }),
        (state, columns) => progressLine(state, columns).length < columns,
      ),
    );
  });
});
