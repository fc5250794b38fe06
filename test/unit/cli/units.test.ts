import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { formatDuration, formatSize, formatTime, parseSize } from '../../../src/cli/units.ts';

describe('formatSize', () => {
  test.each([
    [0, '0 B'],
    [1, '1 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [1.5 * 1024 ** 3, '1.5 GiB'],
    [16 * 1024 ** 4, '16.0 TiB'],
    [1024 ** 5, '1.0 PiB'],
    [1024 ** 6, '1.0 EiB'],
    [5000 * 1024 ** 6, '5000.0 EiB'],
  ])('%d → %s', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});

describe('formatDuration', () => {
  test.each([
    [0, '0ms'],
    [0.25, '250ms'],
    [0.9996, '1.0s'],
    [1, '1.0s'],
    [59.94, '59.9s'],
    [59.96, '1m0s'],
    [245.2, '4m5s'],
    [7261, '121m1s'],
  ])('%d → %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

it('formats times to the second', () => {
  expect(formatTime('2026-11-20T22:00:00.123Z')).toBe('2026-11-20T22:00:00Z');
});

describe('parseSize', () => {
  test.each([
    ['0', 0],
    ['4096', 4096],
    ['64K', 65536],
    ['64k', 65536],
    ['4M', 4 * 1024 ** 2],
    ['2G', 2 * 1024 ** 3],
    ['16T', 16 * 1024 ** 4],
  ])('%s → %d', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(['', 'K', '1.5G', '-1', '+1', '1 K', '1KB', '0x10', '1e3', '9007199254740993', '9000T', '१'])(
    'refuses %j',
    (text) => {
      expect(parseSize(text)).toBeUndefined();
    },
  );

  it('reads back every whole number it is given', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(String(bytes)) === bytes));
  });
});
