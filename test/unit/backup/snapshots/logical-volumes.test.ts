import { expect, it } from 'vitest';
import {
  eraStatus,
  mapperName,
  poolStatus,
  snapshotSeen,
  writecacheStatus,
} from '../../../../src/backup/snapshots/device-mapper.ts';
import { parseVolumes, volumeUuid } from '../../../../src/backup/snapshots/logical-volumes.ts';
import { roomFor } from '../../../../src/backup/snapshots/lvm.ts';

const mib = 1024 ** 2;

/** Of LVM 2.03.16: a volume with a snapshot, that, and a thin one. */
const captured = JSON.stringify({
  report: [
    {
      lv: [
        volume({ lv_name: 'ro-ot', lv_attr: 'owi-a-s---' }),
        volume({ lv_name: 'strata-0123abce', lv_attr: 'sri-a-s---', lv_tags: 'strata' }),
        volume({
          lv_name: 'tv',
          lv_attr: 'Vwi-a-tz--',
          lv_tags: 'a,b',
          thin_id: '1',
          pool_lv: 'pool',
          pool_lv_uuid: 'P',
        }),
      ],
    },
  ],
});

function volume(more: object): object {
  const named = { vg_name: 'vg-0', lv_uuid: 'lts6WD-KaiR-4Fdp-xF8R-koks-b5rS-xqQZlk', lv_size: '67108864' };
  return { ...named, lv_tags: '', thin_id: '', pool_lv: '', pool_lv_uuid: '', ...more };
}

it('reads what lvs prints', () => {
  const [plain, snapshot, thin] = parseVolumes(captured);
  expect(plain).toEqual({
    group: 'vg-0',
    name: 'ro-ot',
    uuid: 'lts6WD-KaiR-4Fdp-xF8R-koks-b5rS-xqQZlk',
    size: 64 * mib,
    kind: 'plain',
    tags: [],
    thin: null,
  });
  expect(snapshot).toMatchObject({ kind: 'snapshot', tags: ['strata'] });
  expect(thin).toMatchObject({ kind: 'thin', tags: ['a', 'b'], thin: { id: 1, pool: 'pool', poolUuid: 'P' } });
  expect(parseVolumes('{"report":[{"lv":[]}]}')).toEqual([]);
});

it.each([
  ['that breaks off', (text: string) => text.slice(0, -9)],
  ['without a report', () => '{}'],
  ['with a size that is none', (text: string) => text.replace('67108864', '64.00m')],
  ['with a number that is none', (text: string) => text.replace('"thin_id":"1"', '"thin_id":"x"')],
  ['without a name', (text: string) => text.replace('ro-ot', '')],
])('refuses a list %s', (_, damage) => {
  expect(() => parseVolumes(damage(captured))).toThrow();
});

it('knows a logical volume by the UUID of its device, and no part of one', () => {
  const device = 'LVM-lGew6x8csdEZB6ojqfMqSnQjGYgIo2V5lts6WDKaiR4FdpxF8Rkoksb5rSxqQZlk';
  expect(volumeUuid(device)).toBe('lts6WD-KaiR-4Fdp-xF8R-koks-b5rS-xqQZlk');
  for (const other of [`${device}-real`, `${device}-cow`, 'CRYPT-LUKS2-0123', 'mpath-360000', '']) {
    expect(volumeUuid(other)).toBeNull();
  }
});

it('names devices as LVM does', () => {
  expect(mapperName('vg-0', 'ro-ot')).toBe('vg--0-ro--ot');
  expect(mapperName('vg', 'pool', 'tpool')).toBe('vg-pool-tpool');
});

it.each([
  ['0 131072 snapshot 16/139264 16', null],
  ['0 131072 snapshot 139264/139264 16', null],
  ['0 131072 snapshot Invalid', /--snapshot-size/],
  ['0 131072 snapshot Overflow', /--snapshot-size/],
  ['0 131072 snapshot Merge failed', /Merge/],
  ['0 131072 linear 8:0 2048', /linear/],
  ['', /kind/],
  [null, /gone/],
])('tells of a snapshot that says "%s" what is wrong', (status, trouble) => {
  const found = snapshotSeen(status);
  if (trouble === null) expect(found).toMatchObject({ trouble, room: { total: 139264 * 512 } });
  else expect(found).toEqual({ trouble: expect.stringMatching(trouble), room: null });
});

it('tells how full the room of a snapshot is, in bytes', () => {
  expect(snapshotSeen('0 131072 snapshot 2048/139264 16').room).toEqual({ used: mib, total: 68 * mib });
});

it('reads the state of a writecache', () => {
  const status = '0 131064 writecache 0 8142 7000 12 0 0 0 0 0 0 0 0 0 0';
  expect(writecacheStatus(status)).toEqual({ error: 0, blocks: 8142, free: 7000 });
  expect(writecacheStatus('0 131064 writecache -5 8142 7000 12')).toMatchObject({ error: -5 });
  for (const other of ['0 131064 linear 43:0 0', '0 131064 writecache', '', null])
    expect(writecacheStatus(other)).toBeNull();
});

it('reads the state of a device with eras', () => {
  expect(eraStatus('0 98304 era 8 12/2048 1 -')).toEqual({ era: 1, held: null });
  expect(eraStatus('0 98304 era 8 12/2048 4711 25')).toEqual({ era: 4711, held: 25 });
  for (const other of ['0 98304 era Error', '0 98304 linear', '0 98304 era 8 12/2048 x -', '', null])
    expect(eraStatus(other)).toBeNull();
});

it.each([
  ['- rw discard_passdown queue_if_no_space - 256', { metadataHeld: false, trouble: null }],
  ['44 rw discard_passdown queue_if_no_space - 256', { metadataHeld: true, trouble: null }],
  ['- out_of_data_space discard_passdown queue_if_no_space - 256', { trouble: 'has no room left' }],
  ['- ro discard_passdown error_if_no_space needs_check 256', { trouble: 'cannot be written' }],
  ['- odd', { trouble: 'is odd' }],
])('reads the state of a pool: %s', (rest, expected) => {
  expect(poolStatus(`0 614400 thin-pool 3 113/1024 168/4800 ${rest}`)).toMatchObject(expected);
});

it('does not take for a pool what says something else', () => {
  expect(poolStatus('0 614400 thin-pool Fail')).toEqual({ metadataHeld: false, trouble: 'has failed' });
  for (const status of ['0 614400 linear', '0 614400 thin-pool', '0 614400 thin-pool 3 113 168/4800 - rw', '', null]) {
    expect(poolStatus(status)).toBeNull();
  }
});

// 000-12
it('gives a snapshot room: a share of its volume, not too little of a small one, or what is asked for', () => {
  expect(roomFor(100_000 * mib, { percent: 5 })).toBe(5000 * mib);
  expect(roomFor(100 * mib, { percent: 5 })).toBe(32 * mib);
  expect(roomFor(1000 * mib + 512, { percent: 7.7 }) % 512).toBe(0);
  expect(roomFor(100_000 * mib, { bytes: 1000 })).toBe(1024);
});
