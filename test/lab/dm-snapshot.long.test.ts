/** Snapshots of a device of device-mapper that LVM knows nothing of, while somebody writes to it, in a virtual machine. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBench } from '../e2e/strata.ts';
import { StrataGuest, volumeSize, whyNoStrataGuest } from './strata-guest.ts';

const bench = await openBench();
const trouble = await whyNoStrataGuest();
if (trouble) console.warn(`dm-snapshot.long.test.ts is skipped: ${trouble}`);

const mib = 1024 ** 2;
const device = '/dev/mapper/plain';
const words = '--snapshot dm-snapshot --snapshot-folder /run/store';

describe.skipIf(trouble)('a device of device-mapper', () => {
  let guest: StrataGuest;
  let table: string;

  beforeAll(async () => {
    guest = await StrataGuest.start(bench, ['dm_snapshot', 'dm_crypt', 'aes_generic', 'xts', 'loop']);
    const half = volumeSize / 512 / 2;
    // Its second half would not be the same any more with another key.
    const crypt = `crypt aes-xts-plain64 ${'0123456789abcdef'.repeat(4)} 0 /dev/vda 1000000`;
    const lines = [`0 ${half} linear /dev/vda 0`, `${half} ${half} ${crypt}`];
    await guest.run(`mkdir /run/store; printf '${lines.join('\\n')}\\n' | dmsetup create plain`);
    await guest.run(`dd if=/dev/urandom of=${device} bs=1M seek=${volumeSize / mib / 2} oflag=direct`, 1);
    table = await guest.run('dmsetup table --showkeys plain');
  }, 300_000);

  afterAll(() => guest?.kill());

  /** Fails unless all is as if there had been no snapshot. */
  async function expectNothingLeft(): Promise<void> {
    expect(await guest.run('dmsetup table --showkeys plain')).toBe(table);
    expect(await guest.run('dmsetup ls')).toMatch(/^plain\s\S+$/);
    expect(await guest.run('ls -A /run/store; losetup --list --noheadings')).toBe('');
    await guest.expectNoRecords();
  }

  // 001-06, 001-07
  test('is read as of one instant, whatever is written meanwhile, and gets its own table back', async () => {
    const rest = await guest.hammer(device);
    const result = await guest.backUp(device, `${words} --rate-limit 16M`);
    expect(result).toMatchObject({ snapshot: 'dm-snapshot', consistency: 'crash', size: volumeSize, warnings: [] });
    await guest.expectInstant(device, 'plain');
    await rest();
    await expectNothingLeft();
  });

  test('whose writes do not fit makes no point, and works on', async () => {
    const rest = await guest.hammer(device);
    const lost = await guest.backUp(device, `${words} --rate-limit 1M --full --snapshot-size 4M`, 1);
    // It may have been seen to come.
    expect(['SNAPSHOT_LOST', 'SNAPSHOT_OUTPACED']).toContain(lost.code);
    await rest();
    await expectNothingLeft();
  });

  test('works on when the backup is killed, and the next one clears all', async () => {
    const rest = await guest.hammer(device);
    await guest.killAmid(device, words);
    expect(await guest.run('dmsetup table plain')).toContain('snapshot-origin');
    await guest.strata(`backup ${device} --machine m ${words}`, 137, 'STRATA_FAILPOINT=snapshot.exchange:1:kill');
    expect(await guest.run('dmsetup table --inactive plain')).toContain('snapshot-origin');
    await rest();
    expect(await guest.backUp(device, words)).toMatchObject({ snapshot: 'dm-snapshot', warnings: [] });
    await expectNothingLeft();
    await guest.expectContent(device, 'plain');
  });

  test('whose target keeps notes of its own is left alone', async () => {
    await guest.run(`dmsetup create noted --table '0 2048 snapshot-origin /dev/vda'`);
    const refused = await guest.backUp('/dev/mapper/noted', words, 1);
    expect(refused).toMatchObject({ event: 'error', code: 'SNAPSHOT_IMPOSSIBLE' });
    expect(refused.message).toContain('its target snapshot-origin cannot be in two devices at once');
    await guest.run('dmsetup remove noted');
  });

  test('is not taken by itself, nor without a place for what is overwritten', async () => {
    expect(await guest.backUp(device)).toMatchObject({ snapshot: 'off' });
    const refused = await guest.backUp(device, '--snapshot dm-snapshot', 1);
    expect(refused).toMatchObject({ event: 'error', code: 'SNAPSHOT_IMPOSSIBLE' });
    expect(refused.message).toContain('--snapshot-folder');
    await guest.run('mkfs.ext4 -q /dev/mapper/plain; mount /dev/mapper/plain /mnt');
    const within = await guest.backUp(device, '--snapshot dm-snapshot --snapshot-folder /mnt', 1);
    expect(within.message).toContain('/mnt lies on it');
    await guest.run('umount /mnt');
  });
});
