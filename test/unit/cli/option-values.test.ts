import { InvalidArgumentError } from 'commander';
import { describe, expect, it, test } from 'vitest';
import {
  blockSize,
  collect,
  compressionLevel,
  duration,
  percent,
  size,
  sizeOrNone,
  sizeOrPercent,
  text,
  wholeNumber,
} from '../../../src/cli/option-values.ts';

describe('what is accepted', () => {
  test.each<[string, (text: string) => unknown, string, unknown]>([
    ['blockSize', blockSize, '64K', 65536],
    ['blockSize', blockSize, '4M', 4194304],
    ['blockSize', blockSize, '262144', 262144],
    ['compressionLevel', compressionLevel, '1', 1],
    ['compressionLevel', compressionLevel, '19', 19],
    ['duration', duration, '90min', 5400],
    ['duration', duration, '8h', 28_800],
    ['percent', percent, '10', 10],
    ['percent', percent, '0.5%', 0.5],
    ['percent', percent, '100', 100],
    ['size', size, '10M', 10485760],
    ['sizeOrNone', sizeOrNone, '0', 0],
    ['sizeOrNone', sizeOrNone, '20G', 21474836480],
    ['sizeOrPercent', sizeOrPercent, '2G', { bytes: 2147483648 }],
    ['sizeOrPercent', sizeOrPercent, '10%', { percent: 10 }],
    ['wholeNumber(0)', wholeNumber(0), '0', 0],
    ['text', text, 'x', 'x'],
  ])('%s takes %4$s', (_name, parse, given, value) => {
    expect(parse(given)).toStrictEqual(value);
  });

  it('gathers repeated options in order', () => {
    expect(collect('b', collect('a', undefined))).toEqual(['a', 'b']);
  });
});

describe('what is refused, and what is said', () => {
  test.each<[string, (text: string) => unknown, string[], string]>([
    [
      'blockSize',
      blockSize,
      ['', '63K', '96K', '8M', 'big', '-64K'],
      'It takes a power of two from 64K to 4M, such as 256K.',
    ],
    [
      'compressionLevel',
      compressionLevel,
      ['0', '20', '-1', '3.5', 'fast', ''],
      'It takes a whole number from 1 to 19.',
    ],
    ['duration', duration, ['0', '0h'], 'It takes a time such as 8h, 2d or 90min.'],
    ['percent', percent, ['0', '101', '-5', 'all', '', '1e1'], 'It takes a percentage above 0, up to 100.'],
    ['sizeOrPercent', sizeOrPercent, ['0%', '101%', '%'], 'It takes a percentage above 0, up to 100.'],
    ['size', size, ['0', '', '10X', '1.5M'], 'It takes a size in bytes, or with K, M, G or T, such as 512K.'],
    [
      'wholeNumber(1)',
      wholeNumber(1),
      ['0', 'x', '1.0', '99999999999999999999'],
      'It takes a whole number of 1 or more.',
    ],
    ['text', text, [''], 'It takes a text that is not empty.'],
    ['collect', (given) => collect(given, []), [''], 'It takes a text that is not empty.'],
  ])('%s', (_name, parse, refused, message) => {
    for (const given of refused) expect(() => parse(given), given).toThrow(new InvalidArgumentError(message));
  });
});
