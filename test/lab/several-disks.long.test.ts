/** Several disks in one run while somebody writes to them in turn, in a virtual machine with logical volumes and disks. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { checkout, type Json, openBench } from '../e2e/strata.ts';
import { expectOneInstantOfAll } from '../unit/backup/snapshots/turns.ts';
import { StrataGuest, volumeSize, whyNoStrataGuest } from './strata-guest.ts';

const bench = await openBench();
const trouble = await whyNoStrataGuest();
if (trouble) console.warn(`several-disks.long.test.ts is skipped: ${trouble}`);

const writer = `${join(checkout, '.toolchain/bin/node')} ${join(checkout, 'test/unit/backup/snapshots/turns-child.ts')}`;
const volumes = ['one', 'two', 'thin'] as const;
const devices = volumes.map((name) => `/dev/vg-0/${name}`);

describe.skipIf(trouble)('several disks', () => {
  let guest: StrataGuest;

  beforeAll(async () => {
    guest = await StrataGuest.start(bench, ['dm_snapshot', 'dm_thin_pool']);
    await guest.run('vgcreate -q vg-0 /dev/vda');
    for (const name of ['one', 'two', 'files']) await guest.run(`lvcreate -qq -y -L ${volumeSize}b -n ${name} vg-0`);
    await guest.run('lvcreate -qq -y --type thin-pool -L 200M --chunksize 64k -n pool vg-0');
    await guest.run(`lvcreate -qq -y -V ${volumeSize}b -T vg-0/pool -n thin`);
  }, 300_000);

  afterEach(() => guest?.run('kill -9 $turns 2> /dev/null; wait; umount /mnt/a /mnt/b /mnt 2> /dev/null; true'));

  afterAll(() => guest?.kill());

  /** Starts the writer; gives how to end it. */
  async function writeInTurn(files: readonly string[]): Promise<() => Promise<unknown>> {
    await guest.run(`rm -f /run/turns; ${writer} ${files.join(' ')} > /run/turns & turns=$!`);
    await guest.run('until [ -s /run/turns ]; do sleep 0.1; done');
    return () => guest.run('kill -9 $turns; wait $turns', 137);
  }

  async function backUpAll(sources: readonly string[], more = '', code = 0): Promise<Json> {
    return (await guest.strata(`backup ${sources.join(' ')} --machine m --allocation off ${more}`, code)).at(-1);
  }

  /** What the newest point of a disk begins with. */
  async function numberOn(disk: string): Promise<number> {
    await guest.strata(`restore m/${disk}@latest --to /dev/vdb --force`);
    return Number(await guest.run('blockdev --flushbufs /dev/vdb; od -A n -t f8 -N 8 /dev/vdb'));
  }

  async function numbersOn(disks: readonly string[]): Promise<number[]> {
    const numbers: number[] = [];
    for (const disk of disks) numbers.push(await numberOn(disk));
    return numbers;
  }

  async function expectNothingStandsStill(): Promise<void> {
    expect(await guest.run('dmsetup info -c --noheadings -o suspended | sort -u')).toBe('Active');
  }

  test('on logical volumes, thick and thin, show one instant', async () => {
    const rest = await writeInTurn(devices);
    const result = await backUpAll(devices, '--snapshot required --tracker off');
    expect(result).toMatchObject({ event: 'result', oneInstant: true, warnings: [] });
    expect(result.disks.map((disk: Json) => disk.result.snapshot)).toEqual(['lvm', 'lvm', 'thin']);
    await rest();
    expectOneInstantOfAll(await numbersOn(volumes));
    await expectNothingStandsStill();
    await guest.expectNoRecords();
    expect(await guest.run(`lvs --noheadings -o lv_name vg-0 | grep strata- || true`)).toBe('');
  });

  test('with mounted file systems show one instant', async () => {
    const mounted = ['/dev/vg-0/files', '/dev/vg-0/two'];
    await guest.run('mkdir -p /mnt/a /mnt/b');
    await guest.run('mkfs.ext4 -q -E nodiscard /dev/vg-0/files; mount /dev/vg-0/files /mnt/a');
    await guest.run('mkfs.ext4 -qF -E nodiscard /dev/vg-0/two; mount /dev/vg-0/two /mnt/b');
    const files = ['/mnt/a/file', '/mnt/b/file', devices[0] ?? ''];
    await guest.run('for at in a b; do dd if=/dev/zero of=/mnt/$at/file bs=4k count=1; done; sync');
    const rest = await writeInTurn(files);
    const result = await backUpAll([...mounted, devices[0] ?? ''], '--snapshot required --tracker off');
    expect(result).toMatchObject({ oneInstant: true, warnings: [] });
    await rest();
    await expectNothingStandsStill();
    const numbers: number[] = [];
    for (const disk of ['files', 'two']) {
      await guest.strata(`restore m/${disk}@latest --to /dev/vdb --force`);
      await guest.run('blockdev --flushbufs /dev/vdb; e2fsck -fy /dev/vdb > /dev/null 2>&1; [ $? -le 1 ]');
      numbers.push(Number(await guest.run(`debugfs -R 'cat file' /dev/vdb 2>/dev/null | od -A n -t f8 -N 8`)));
    }
    expectOneInstantOfAll([...numbers, await numberOn('one')]);
  });

  /** Fails unless the next run makes points of one instant, and leaves nothing of this one and of killed ones. */
  async function expectAllWell(): Promise<void> {
    await guest.run(`until [ "$(dmsetup info -c --noheadings -o suspended | sort -u)" = Active ]; do sleep 0.1; done`);
    await guest.run(`for at in ${devices.join(' ')}; do dd if=/dev/zero of=$at bs=4k count=1 oflag=direct; done`);
    const rest = await writeInTurn(devices);
    expect(await backUpAll(devices, '--snapshot required --tracker off')).toMatchObject({ oneInstant: true });
    await rest();
    expectOneInstantOfAll(await numbersOn(volumes));
    await guest.expectNoRecords();
    expect(await guest.run('lvs --noheadings -o lv_name vg-0 | grep strata- || true')).toBe('');
    expect(await guest.run('vgck vg-0; lvs --noheadings -o lv_health_status vg-0 | sort -u')).toBe('');
  }

  test('of killed runs go on, and the next one clears what is left', async () => {
    const kill = 'STRATA_FAILPOINT=snapshot.hold:2:kill';
    await guest.strata(`backup ${devices.join(' ')} --machine m --allocation off`, 137, kill);
    await expectAllWell();
    // Amid LVM's work on a volume that stands still.
    const line = `backup ${devices.join(' ')} --machine m --allocation off --json`;
    await guest.run(`${join(checkout, 'strata')} ${line} > /run/killed 2>&1 & run=$!`);
    await guest.run(
      'until pgrep -f "lvcreate.*vg-0/two"; do kill -0 $run || break; done; kill -9 $run; wait $run',
      137,
    );
    await guest.run('while pgrep lvcreate; do sleep 0.1; done');
    await expectAllWell();
  });

  test('of which the run needs one are of the instant of that one', async () => {
    await guest.run('mkfs.ext4 -qF -E nodiscard /dev/vg-0/files; mount /dev/vg-0/files /mnt; mkdir /mnt/store');
    const [one = '', two = '', thin = ''] = devices;
    const more = '--tracker off --snapshot-folder /mnt/store';
    const rest = await writeInTurn([one, two]);
    const result = await backUpAll([one, two, '/dev/vg-0/files'], `${more} --snapshot required`);
    expect(result).toMatchObject({ oneInstant: true, warnings: [] });
    await rest();
    expectOneInstantOfAll(await numbersOn(['one', 'two']));
    // Of two that cannot be held, one has an instant of its own.
    const refused = await backUpAll([one, thin, '/dev/vg-0/files'], `${more} --snapshot required`, 1);
    expect(refused).toMatchObject({ event: 'error', code: 'NOT_ONE_INSTANT' });
    expect(refused.message).toContain('/mnt/store lies on it');
  });

  // 001-11
  test('that nothing can freeze are copied until nothing is written to them', async () => {
    await guest.run('mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing');
    await guest.run('mkfs.ext4 -qF /dev/vdc; mount /dev/vdc /mnt; cp /bin/ls /mnt; mkdir -p /run/store');
    const result = (
      await guest.strata('backup /dev/vdc --machine m --snapshot required --snapshot-folder /run/store')
    ).at(-1);
    expect(result).toMatchObject({ snapshot: 'iterate', consistency: 'crash', warnings: [] });
    await guest.run('umount /mnt');
    expect(await guest.run('ls -A /run/store /sys/kernel/tracing/instances')).not.toContain('strata');
  });

  test('are all disks of the machine, but the one with the repository', async () => {
    await guest.run('mkfs.ext4 -qF /dev/vdb; mount /dev/vdb /mnt');
    await guest.strata('init --no-encryption --repo /mnt/repo');
    const events = await guest.strata('backup --all-disks --dry-run --repo /mnt/repo --machine m', 3);
    expect(events.at(-1)).toMatchObject({
      leftOut: [{ source: '/dev/vdb', reason: 'it holds the repository' }],
      disks: [{ disk: 'vda' }, { disk: 'vdc' }],
      oneInstant: false,
    });
    await guest.run('umount /mnt');
    const result = (await guest.strata('backup --all-disks --machine whole --allocation off', 3)).at(-1);
    expect(result.disks).toMatchObject([{ disk: 'vda' }, { disk: 'vdb' }, { disk: 'vdc' }]);
    expect(result).toMatchObject({ oneInstant: false, leftOut: [], warnings: [{ code: 'NOT_ONE_INSTANT' }] });
  });
});
