import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { errorTable, fail, fromNative, fromSystem, isStrataError, StrataError } from '../../src/errors.ts';

const systemError = (code: 'ENOSPC' | 'EROFS' | 'EACCES' | 'EIO' | 'EDQUOT' | 'EPERM') =>
  Object.assign(new Error(`${code}: open '/x'`), { code, errno: -constants.errno[code], syscall: 'open' });

const nativeError = (code: string, errno = 0, path = '') => Object.assign(new Error('it broke'), { code, errno, path });

describe('the error table', () => {
  it('has one line for each message and hint', () => {
    for (const { message, hint } of Object.values(errorTable)) expect(`${message} ${hint}`).not.toMatch(/\n|\.$/);
  });

  it('has each code in one table only', async () => {
    const folder = new URL('../../src/errors/', import.meta.url);
    const tables: object[] = await Promise.all(readdirSync(folder).map((name) => import(new URL(name, folder).href)));
    const codes = tables.flatMap((file) => Object.values(file)).flatMap((table) => Object.keys(table));
    expect(codes.sort()).toEqual(Object.keys(errorTable).sort());
  });
});

describe('fail', () => {
  it('fills message and hint, and knows the exit code and the cause', () => {
    const cause = new Error('low');
    const error = fail('TARGET_TOO_SMALL', { path: '/dev/sdb', available: 10, needed: 20 }, { cause });
    expect(error).toBeInstanceOf(StrataError);
    expect(error.message).toBe('target /dev/sdb has 10 bytes, the image needs 20');
    expect(error).toMatchObject({ code: 'TARGET_TOO_SMALL', exitCode: 1, httpStatus: 409, cause });
    expect(fail('NOT_SUPPORTED', { feature: 'x', instead: 'use y' }).hint).toBe('use y');
  });

  it('keeps the message on one line whatever a path holds', () => {
    const { message } = fail('SOURCE_MISSING', { path: '/a\nb\u001b[31m\u2028' });
    expect(message).toBe('source /a\\u000ab\\u001b[31m\\u2028 does not exist');
  });

  it('does not fill what a parameter brings along', () => {
    expect(fail('SOURCE_MISSING', { path: '{path}' }).message).toBe('source {path} does not exist');
  });
});

describe('isStrataError', () => {
  it('tells ours, and of which code', () => {
    const error = fail('SOURCE_EMPTY', { path: '/x' });
    expect([isStrataError(error), isStrataError(error, 'SOURCE_EMPTY', 'IO'), isStrataError(error, 'IO')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(isStrataError(new Error('SOURCE_EMPTY'))).toBe(false);
  });
});

describe('fromSystem', () => {
  it.each([
    ['ENOSPC', 'NO_SPACE', 'cannot write /x: no space left'],
    ['EDQUOT', 'NO_SPACE', 'cannot write /x: no space left'],
    ['EROFS', 'READ_ONLY', 'cannot write /x: the file system is read-only'],
    ['EACCES', 'PERMISSION', 'cannot write /x: permission denied'],
    ['EPERM', 'PERMISSION', 'cannot write /x: permission denied'],
    ['EIO', 'IO', 'cannot write /x: i/o error'],
  ] as const)('makes %s a %s', (code, expected, message) => {
    const cause = systemError(code);
    expect(fromSystem(cause, 'cannot write /x')).toMatchObject({ code: expected, message, cause });
  });

  it('lets a StrataError pass', () => {
    const error = fail('SOURCE_EMPTY', { path: '/x' });
    expect(fromSystem(error, 'cannot write /x')).toBe(error);
  });
});

describe('fromNative', () => {
  it('keeps the code of the addon, its path and its words', () => {
    expect(fromNative(nativeError('PACK_MISSING', 2, '/r/packs/00/x'), '/src')).toMatchObject({
      code: 'PACK_MISSING',
      exitCode: 13,
      message: '/r/packs/00/x is missing: it broke',
    });
  });

  it('names what the action was about when the addon names no path', () => {
    expect(fromNative(nativeError('SOURCE_READ'), '/dev/sdb').message).toBe('cannot read source /dev/sdb: it broke');
  });

  it.each([
    ['SPOOL_WRITE', constants.errno.ENOSPC, 'NO_SPACE'],
    ['TARGET_WRITE', constants.errno.EDQUOT, 'NO_SPACE'],
    ['SPOOL_WRITE', constants.errno.EROFS, 'READ_ONLY'],
    ['SPOOL_WRITE', constants.errno.EIO, 'SPOOL_WRITE'],
    ['CANCELLED', 0, 'INTERRUPTED'],
    ['SOMETHING_NEW', 0, 'IO'],
  ])('makes %s with errno %i a %s', (code, errno, expected) => {
    expect(fromNative(nativeError(code, errno, '/p'), '/x').code).toBe(expected);
  });

  it('leaves no placeholder open, whatever code the addon gives', () => {
    for (const code of [
      'SOURCE_OPEN',
      'SOURCE_READ',
      'SOURCE_SIZE_CHANGED',
      'SPOOL_WRITE',
      'PACK_MISSING',
      'PACK_READ',
      'FRAME_DAMAGED',
      'MAP_DAMAGED',
      'MAP_MISSING',
      'TARGET_WRITE',
      'TARGET_READ',
      'PACK_STORE_FAILED',
      'NATIVE_ARGUMENT',
      'OUT_OF_MEMORY',
      'IO',
    ]) {
      const error = fromNative(nativeError(code), '/x');
      expect(error.code).toBe(code);
      expect(error.message).not.toMatch(/[?{}]/);
    }
  });
});
