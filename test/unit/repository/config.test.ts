import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isStrataError } from '../../../src/errors.ts';
import { newConfig, parseConfig } from '../../../src/repository/config.ts';

const sealed = newConfig({ blockSize: 262144, encryption: true });
const open = newConfig({ blockSize: 65536, encryption: false });

describe('newConfig', () => {
  it('has a master key only without encryption, and reads back', () => {
    expect(sealed).toMatchObject({ format: 1, encryption: 'aes-256-gcm', blockSize: 262144 });
    expect(sealed.master).toBeUndefined();
    expect(open.master).toMatch(/^[0-9a-f]{64}$/);
    for (const config of [sealed, open]) expect(parseConfig(JSON.stringify(config))).toEqual(config);
  });

  it.each([0, 1, 65535, 65537, 32768, 8388608, 98304, -65536, 1.5, Number.NaN])(
    'refuses blocks of %d bytes',
    (blockSize) => {
      expect(() => newConfig({ blockSize, encryption: true })).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );
});

describe('parseConfig', () => {
  it('refuses a newer format before anything else', () => {
    const text = JSON.stringify({ format: 2, shape: 'unknown' });
    expect(() => parseConfig(text)).toThrow(
      expect.objectContaining({ code: 'FORMAT_NEWER', params: { what: 'the repository', format: 2 } }),
    );
  });

  it.each([
    ['no JSON', '{'],
    ['null', 'null'],
    ['a list', '[]'],
    ['another block size', JSON.stringify({ ...sealed, blockSize: 65537 })],
    ['a master key beside encryption', JSON.stringify({ ...sealed, master: open.master })],
    ['no master key without encryption', JSON.stringify({ ...open, master: undefined })],
    ['a short id', JSON.stringify({ ...sealed, id: 'ab' })],
    ['an unknown cipher', JSON.stringify({ ...sealed, encryption: 'rot13' })],
    ['format 0', JSON.stringify({ ...sealed, format: 0 })],
  ])('calls %s damaged', (_, text) => {
    expect(() => parseConfig(text)).toThrow(expect.objectContaining({ code: 'CONFIG_DAMAGED' }));
  });

  it('throws nothing but StrataErrors', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parseConfig(text);
        } catch (error) {
          expect(isStrataError(error, 'CONFIG_DAMAGED', 'FORMAT_NEWER')).toBe(true);
        }
      }),
    );
  });
});
