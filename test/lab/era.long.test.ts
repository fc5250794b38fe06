/** A device of the kernel's target `era` that somebody writes to, backed up again and again, in a virtual machine. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBench } from '../e2e/strata.ts';
import { hammered, StrataGuest, volumeSize, whyNoStrataGuest } from './strata-guest.ts';

const bench = await openBench();
const trouble = await whyNoStrataGuest();
if (trouble) console.warn(`era.long.test.ts is skipped: ${trouble}`);

const mib = 1024 ** 2;
const block = 65536;
const device = '/dev/mapper/era';
const sectors = volumeSize / 512;
/** Where blocks can be given back the tracker is not asked. */
const keeping = ['-global', 'virtio-blk-device.discard=off'];
const table = `0 ${sectors} era /dev/mapper/meta /dev/mapper/data 128`;

describe.skipIf(trouble)('a device with eras', () => {
  let guest: StrataGuest;

  beforeAll(async () => {
    guest = await StrataGuest.start(bench, ['dm_era', 'loop'], keeping);
    await guest.run(`dmsetup create data --table '0 ${sectors} linear /dev/vda 0'`);
    await guest.run(`dmsetup create meta --table '0 32768 linear /dev/vda ${sectors}'`);
    await guest.run(`dd if=/dev/urandom of=/dev/mapper/data bs=1M count=${volumeSize / mib} oflag=direct`);
    await guest.run(
      `dd if=/dev/zero of=/dev/mapper/meta bs=1M count=16 oflag=direct; dmsetup create era --table '${table}'`,
    );
  }, 300_000);

  afterAll(() => guest?.kill());

  const held = () => guest.run(`dmsetup status era | cut -d' ' -f7`);
  const write = (seek: number, count: number) =>
    guest.run(`dd if=/dev/urandom of=${device} bs=64k seek=${seek} count=${count} oflag=direct conv=notrunc`);

  test('has only what changed read, and misses nothing', async () => {
    const first = await guest.backUp(device);
    expect(first).toMatchObject({ snapshot: 'off', tracker: 'off', bytesRead: volumeSize });
    for (const [round, places] of [
      [[3, 1]],
      [
        [0, 2],
        [500, 7],
      ],
      [],
      [
        [767, 1],
        [1, 1],
      ],
    ].entries()) {
      for (const [seek = 0, count = 0] of places) await write(seek, count);
      const result = await guest.backUp(device);
      expect(result, `${round}`).toMatchObject({ tracker: 'dm-era', warnings: [], tracking: { reason: null } });
      const changed = places.reduce((sum, [, count = 0]) => sum + count, 0);
      expect(result.bytesRead).toBe((changed + result.tracking.auditedBlocks) * block);
      await guest.expectContent(device, 'era');
      expect(await held()).toBe('-');
    }
    await guest.expectNoRecords();
  });

  test('is compared with what it was through all eras that others begin', async () => {
    for (let number = 0; number < 5; number++) {
      await write(10 * number, 2);
      await guest.run('dmsetup message era 0 checkpoint');
    }
    // Its table again, as it is: it goes on.
    await guest.run('dmsetup suspend era; dmsetup resume era');
    const result = await guest.backUp(device);
    expect(result).toMatchObject({ tracker: 'dm-era', warnings: [] });
    expect(result.bytesRead).toBe((10 + result.tracking.auditedBlocks) * block);
    await guest.expectContent(device, 'era');
  });

  test('that is written to while it is read loses none of it', async () => {
    const rest = await guest.hammer(device);
    for (let round = 0; round < 3; round++) {
      const result = await guest.backUp(device, '--rate-limit 16M');
      expect(result).toMatchObject({ tracker: 'dm-era', warnings: [] });
    }
    await rest();
    const last = await guest.backUp(device);
    expect(last.tracker).toBe('dm-era');
    expect(last.bytesRead).toBeLessThanOrEqual(hammered + last.tracking.auditedBlocks * block);
    await guest.expectContent(device, 'era');
  });

  test('with a frozen file system on it is what that had', async () => {
    await guest.run(`mkfs.ext4 -q -E nodiscard ${device}; mount ${device} /mnt; cp /bin/ls /mnt`);
    const whole = await guest.backUp(device, '--snapshot freeze');
    expect(whole).toMatchObject({ snapshot: 'freeze', tracker: 'dm-era', warnings: [] });
    await guest.run('dd if=/dev/urandom of=/mnt/a bs=64k count=8; sync');
    const next = await guest.backUp(device, '--snapshot freeze');
    expect(next).toMatchObject({ snapshot: 'freeze', tracker: 'dm-era', warnings: [] });
    // Nothing of it stays for the next one: the file system goes on.
    await guest.run('timeout 10 touch /mnt/b; umount /mnt');
    await guest.expectNoRecords();
    await guest.backUp(device);
    await guest.expectContent(device, 'era');
  });

  test('that takes discards is compared as a whole: it notes the first block of each', async () => {
    await guest.run('truncate -s 8M /run/image; dd if=/dev/urandom of=/run/image bs=1M count=8 conv=notrunc');
    await guest.run(
      `dmsetup create meta2 --table '0 32768 linear /dev/vda ${sectors + 32768}'; losetup /dev/loop0 /run/image`,
    );
    await guest.run(`dmsetup create era2 --table '0 16384 era /dev/mapper/meta2 /dev/loop0 128'`);
    await guest.backUp('/dev/mapper/era2');
    await guest.run('blkdiscard -o 0 -l 4194304 /dev/mapper/era2');
    const result = await guest.backUp('/dev/mapper/era2');
    expect(result).toMatchObject({ tracker: 'off', bytesRead: 8 * mib, warnings: [] });
    expect(result.tracking.reason).toContain('does not note what is discarded');
    await guest.run('dmsetup remove era2; losetup -d /dev/loop0');
  });

  test('whose metadata another program holds, or a killed run held, is compared as a whole or goes on', async () => {
    await guest.run('dmsetup message era 0 take_metadata_snap');
    const other = await guest.backUp(device);
    expect(other).toMatchObject({ tracker: 'off', bytesRead: volumeSize });
    expect(other.tracking.reason).toContain('another program holds');
    await guest.run('dmsetup message era 0 drop_metadata_snap');
    const kill = 'STRATA_FAILPOINT=tracker.held:1:kill';
    await guest.strata(`backup ${device} --machine m --allocation off`, 137, kill);
    await guest.run(`until [ "$(dmsetup status era | cut -d' ' -f7)" = - ]; do sleep 0.1; done`);
    expect(await guest.backUp(device)).toMatchObject({ tracker: 'dm-era', warnings: [] });
  });

  test('that was set up anew is compared as a whole: nobody knows what was written without it', async () => {
    await guest.run(`dmsetup remove era; dd if=/dev/urandom of=/dev/mapper/data bs=64k seek=20 count=1 oflag=direct`);
    await guest.run(`dmsetup create era --table '${table}'`);
    const result = await guest.backUp(device);
    expect(result).toMatchObject({ tracker: 'off', bytesRead: volumeSize, warnings: [] });
    expect(result.tracking.reason).toContain('set up anew');
    await guest.expectContent(device, 'era');
    // So it is, too, when it counts anew.
    await guest.run(`dmsetup remove era; dd if=/dev/zero of=/dev/mapper/meta bs=1M count=16 oflag=direct`);
    await guest.run(`dmsetup create era --table '${table}'`);
    expect((await guest.backUp(device)).tracking.reason).toContain('set up anew');
    expect(await guest.backUp(device)).toMatchObject({ tracker: 'dm-era' });
  });

  test('is the only kind that the tracker is for', async () => {
    const result = await guest.backUp('/dev/mapper/meta', '--tracker dm-era', 3);
    expect(result).toMatchObject({ tracker: 'off', warnings: [{ code: 'NOT_TRACKED' }] });
    expect(result.warnings[0].message).toContain('a device of the target era');
  });
});
