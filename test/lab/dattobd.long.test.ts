/**
 * The driver dattobd itself, while somebody writes, in a virtual machine. No distribution has the driver: the
 * test runs where STRATA_DATTOBD_MODULE names a dattobd.ko for the guest's kernel, with dbdctl in the same folder.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBench } from '../e2e/strata.ts';
import { hammered, StrataGuest, volumeSize, whyNoStrataGuest } from './strata-guest.ts';

const bench = await openBench();
const module = process.env.STRATA_DATTOBD_MODULE ?? '';
const trouble = existsSync(module) ? await whyNoStrataGuest() : 'STRATA_DATTOBD_MODULE names no driver';
if (trouble) console.warn(`dattobd.long.test.ts is skipped: ${trouble}`);

const device = '/dev/vg-0/files';
const words = '--snapshot dattobd --snapshot-size 12M';
const mib = 1024 ** 2;
/** dattobd 0.12.1 brings Linux 6.1 down when a file system has zeros written without sending them. */
const careful = ['write-zeroes', 'discard'].flatMap((name) => ['-global', `virtio-blk-device.${name}=off`]);

describe.skipIf(trouble)('dattobd', () => {
  let guest: StrataGuest;

  beforeAll(async () => {
    guest = await StrataGuest.start(bench, ['dm_mod'], careful);
    await guest.run(`insmod ${module}; export PATH=$PATH:${dirname(module)}`);
    await guest.run(`vgcreate -q vg-0 /dev/vda; lvcreate -qq -y -L ${volumeSize}b -n files vg-0`);
    await guest.run(`mkfs.ext4 -q -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 ${device}`);
    await guest.run(`mount ${device} /mnt; dd if=/dev/urandom of=/mnt/a bs=1M count=5; truncate -s ${hammered} /mnt/h`);
  }, 300_000);

  afterAll(() => guest?.kill());

  const backUp = (more = '', code = 0) => guest.backUp(device, `${words} ${more}`, code);
  const files = () => guest.run('ls -A /mnt | grep -c strata || true');

  /** Fails unless the newest point is a clean file system, in which these files are what they are now. */
  async function expectFiles(...names: string[]): Promise<void> {
    await guest.strata('restore m/files@latest --to /dev/vdb --force');
    await guest.run('e2fsck -f -n /dev/vdb; mkdir -p /run/at; mount -o ro,noload /dev/vdb /run/at');
    await guest.run(
      `(${names.map((name) => `cmp /mnt/${name} /run/at/${name}`).join(' && ')}); same=$?; umount /run/at`,
    );
    await guest.run('[ $same = 0 ]');
  }

  // 004-01 … 004-21
  test('has only what changed read, cycle after cycle, of a clean file system that is written to', async () => {
    const rest = await guest.hammer('/mnt/h');
    const first = await backUp();
    expect(first).toMatchObject({ snapshot: 'dattobd', tracker: 'off', warnings: [] });
    for (let round = 0; round < 3; round++) {
      await guest.run(`dd if=/dev/urandom of=/mnt/b${round} bs=64k count=3; sync`);
      const next = await backUp('--rate-limit 16M');
      expect(next).toMatchObject({ snapshot: 'dattobd', tracker: 'dattobd', warnings: [] });
      expect(next.skipped.unchanged).toBeGreaterThan(2 * mib);
      expect(await files()).toBe('1');
    }
    await rest();
    await expectFiles('a', 'b0', 'b1', 'b2');
  }, 600_000);

  test('misses nothing of what is written, removed, and at rest', async () => {
    await guest.run('sync; rm /mnt/b0; dd if=/dev/urandom of=/mnt/c bs=64k count=20; sync');
    expect(await backUp('--allocation required')).toMatchObject({ tracker: 'dattobd', warnings: [] });
    await expectFiles('a', 'b1', 'b2', 'c');
    await guest.run('! debugfs -R "stat b0" /dev/vdb 2>&1 | grep -q Inode');
    // What it had missed would have changed once more: now there is only what a file system at rest writes.
    const whole = await backUp('--allocation required --tracker off');
    expect(whole).toMatchObject({ tracker: 'off', warnings: [] });
    expect(whole.blocks.changed).toBeLessThan(24);
    expect(await guest.run('grep -c cow_file /proc/datto-info || true')).toBe('0');
    await guest.expectNoRecords();
  }, 600_000);

  test('compares everything after an unmount, with the reason', async () => {
    await backUp();
    await guest.run(`umount /mnt; mount ${device} /mnt`);
    const result = await backUp();
    expect(result).toMatchObject({ snapshot: 'dattobd', tracker: 'off', warnings: [] });
    expect(result.tracking.reason).toMatch(/at work all the time|unmounted/);
    expect(await backUp()).toMatchObject({ tracker: 'dattobd' });
  }, 600_000);

  test('whose file is full makes no point, and killed runs are cleared', async () => {
    const filling = 'dd if=/dev/urandom of=/mnt/h bs=1M count=8 conv=notrunc oflag=direct';
    await guest.run(`(until ls /dev/datto0; do sleep 0.1; done; ${filling}) > /dev/null 2>&1 &`);
    const lost = await backUp('--full --rate-limit 1M --snapshot-size 1M', 1);
    expect(lost).toMatchObject({ event: 'error', code: 'SNAPSHOT_LOST' });
    await guest.killAmid(device, words);
    expect(await backUp()).toMatchObject({ snapshot: 'dattobd', warnings: [] });
    expect(await files()).toBe('1');
  }, 600_000);
});
