import { expect, it } from 'vitest';
import { orderOf } from '../../../../src/backup/request.ts';
import { storeAt } from '../../../../src/backup/snapshots/network-store.ts';
import { parseMark } from '../../../../src/backup/snapshots/store-mark.ts';

// 001-07
it('an export that takes what is overwritten is named as a source is, and without TLS', () => {
  expect(storeAt('nbd://backup:10810/store')).toMatchObject({ host: 'backup', port: 10810, name: 'store' });
  expect(storeAt('nbd+unix:///store?socket=/run/s')).toMatchObject({ socket: '/run/s', name: 'store' });
  for (const wrong of [
    'nbds://backup/store',
    'nbd://-d/store',
    '/dev/sdb',
    'backup',
    'nbd://',
    'http://backup/store',
    '',
  ]) {
    expect(() => storeAt(wrong), wrong).toThrow(expect.objectContaining({ code: 'USAGE' }));
  }
});

it('goes with the provider that it is for, and no other', () => {
  const request = { source: '/dev/mapper/data', snapshotStore: 'nbd://backup/store' };
  expect(orderOf({ ...request, snapshot: 'dm-snapshot' }).snapshotStore?.path).toBe('nbd://backup/store');
  for (const snapshot of [undefined, 'auto', 'required', 'off', 'lvm']) {
    expect(() => orderOf({ ...request, snapshot })).toThrow(/--snapshot-store goes with --snapshot dm-snapshot/);
  }
});

it('the mark of an export is read when it is whole, and nothing else passes for one', () => {
  const user = { id: 'cafe0001', host: 'h', bootId: 'b', since: '2026-11-22T06:00:00.000Z' };
  const text = (value: unknown) => `${JSON.stringify(value)}\n${'\0'.repeat(100)}`;
  expect(parseMark(text({ strata: 'snapshot store', user }))).toEqual({ strata: 'snapshot store', user });
  expect(parseMark(text({ strata: 'snapshot store', user: null }))).toEqual({ strata: 'snapshot store', user: null });
  for (const other of [
    '',
    '\0'.repeat(4096),
    text(null),
    text({ strata: 'something else', user: null }),
    text({ strata: 'snapshot store' }),
    text({ strata: 'snapshot store', user: { id: 'cafe0001' } }),
    text({ strata: 'snapshot store', user, more: 1 }),
    text({ strata: 'snapshot store', user }).slice(0, 30),
    JSON.stringify({ strata: 'snapshot store', user: null }),
  ]) {
    expect(parseMark(other), other).toBeNull();
  }
});
