import { describe, expect, it } from 'vitest';
import { parseInterval, systemdInterval } from '../../../../src/jobs/schedule/interval.ts';

describe('an interval', () => {
  it.each([
    ['30s', 30, '30s'],
    ['90s', 90, '90s'],
    ['90m', 5400, '90min'],
    ['120m', 7200, '2h'],
    ['6h', 21_600, '6h'],
    ['36h', 129_600, '36h'],
    ['48h', 172_800, '2d'],
    ['1d', 86_400, '1d'],
    ['2w', 1_209_600, '14d'],
    ['3650d', 315_360_000, '3650d'],
  ])('%s is %i seconds, for systemd %s', (text, seconds, systemd) => {
    expect(parseInterval(text)).toBe(seconds);
    expect(systemdInterval(seconds)).toBe(systemd);
  });

  it.each(['', '0h', '-1h', '1.5h', '6', 'h', '6 h', '6H', '1d12h', '6min', '3651d', '999999999w', '1h\n'])(
    'is not %j',
    (text) => {
      expect(parseInterval(text)).toBeNull();
    },
  );
});
