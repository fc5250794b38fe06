/**
 * ZFS itself: snapshots of volumes and of image files while somebody writes, and what changed between them, in a virtual
 * machine. Kernels of distributions come without it: the test runs where STRATA_ZFS_MODULES names a folder with the
 * modules for the guest's kernel (spl.ko, zfs.ko …), and in `userland` the tree of the package zfsutils-linux.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { checkout, type Json, openBench } from '../e2e/strata.ts';
import { randomFrom } from '../model/random.ts';
import { expectOneInstantOfAll } from '../unit/backup/snapshots/turns.ts';
import { hammered, StrataGuest, volumeSize, whyNoStrataGuest } from './strata-guest.ts';

const bench = await openBench();
const modules = process.env.STRATA_ZFS_MODULES ?? '';
const trouble = existsSync(join(modules, 'zfs.ko')) ? await whyNoStrataGuest() : 'STRATA_ZFS_MODULES names no modules';
if (trouble) console.warn(`zfs.long.test.ts is skipped: ${trouble}`);

/** In the order in which one needs the other. */
const order = ['spl', 'znvpair', 'zavl', 'zcommon', 'icp', 'zlua', 'zzstd', 'zunicode', 'zfs'];
const [volume, device] = ['tank/vm 1/disk:a', '/dev/zvol/tank/vm+1/disk:a'] as const;
const [dataset, folder] = ['tank/images of b', '/tank/images of b'] as const;
const image = `'${folder}/disk.img'`;
const turns = join(checkout, 'test/unit/backup/snapshots/turns-child.ts');
/** There is no udev in the guest: this makes the links that it would. */
const udev = `while sleep 0.2; do
  for zd in /dev/zd[0-9]*; do
    name=$(/lib/udev/zvol_id $zd) || continue
    [ "$(readlink "/dev/zvol/$name")" != $zd ] || continue
    mkdir -p "$(dirname "/dev/zvol/$name")"; ln -sfn $zd "/dev/zvol/$name"
  done
  find /dev/zvol -type l ! -exec test -b {} ';' -delete
done`;

describe.skipIf(trouble)('ZFS', () => {
  let guest: StrataGuest;

  beforeAll(async () => {
    guest = await StrataGuest.start(bench, []);
    await guest.run(`tar -C ${modules}/userland -c . | tar -C / -x --keep-directory-symlink`);
    for (const name of order) await guest.run(`[ ! -e ${modules}/${name}.ko ] || insmod ${modules}/${name}.ko`);
    await guest.run('echo 200000000 > /sys/module/zfs/parameters/zfs_arc_max');
    const script = bench.path('udev.sh');
    writeFileSync(script, udev);
    await guest.run(`mkdir -p /dev/zvol; (sh ${script} > /dev/null 2>&1 &)`);
    // Of a whole disk it would make partitions, and wait for udev.
    await guest.run('echo , | sfdisk -q /dev/vda; zpool create -f -O compression=lz4 tank /dev/vda1');
    await guest.run("zfs create 'tank/vm 1'");
    await guest.run(`zfs create '${dataset}'; zfs create -s -V ${volumeSize} '${volume}'`);
    await guest.run(`until [ -b ${device} ]; do sleep 0.1; done`);
    await guest.run(`truncate -s ${volumeSize} ${image}`);
    for (const at of [device, image])
      await guest.run(`dd if=/dev/urandom of=${at} bs=1M seek=8 count=40 conv=notrunc,fsync 2>&1`);
  }, 600_000);

  afterEach(() => guest?.run('kill -9 $hammer $turns 2> /dev/null; wait $hammer $turns; true'));

  afterAll(() => guest?.kill());

  async function names(): Promise<string[]> {
    const output = await guest.run('zfs list -H -t all -o name | grep strata- || true');
    return output.split('\n').filter((line) => line !== '');
  }

  /** Fails unless only the snapshot that a point names is there. */
  async function expectKept({ tracking }: Json): Promise<void> {
    expect(await names()).toEqual([tracking.kept.path]);
  }

  describe.each([
    ['a volume', device, 'a'],
    ['a file', image, 'b'],
  ])('%s', (_, source, disk) => {
    const words = `--disk ${disk}`;

    // 003-01, 003-03, X-3
    test('shows one instant, and only what changed since the one before is read', async () => {
      const rest = await guest.hammer(source);
      const first = await guest.backUp(source, `${words} --rate-limit 16M`);
      expect(first).toMatchObject({ snapshot: 'zfs', consistency: 'crash', tracker: 'off', warnings: [] });
      await guest.expectInstant(source, disk);
      await guest.run(`dd if=/dev/urandom of=${source} bs=64k seek=300 count=3 conv=notrunc,fsync 2>&1`);
      const second = await guest.backUp(source, `${words} --rate-limit 16M`);
      expect(second).toMatchObject({ snapshot: 'zfs', tracker: 'zfs', warnings: [] });
      expect(second.tracking).toMatchObject({ since: first.point, reason: null });
      const audited = second.tracking.auditedBlocks * 65536;
      // Records of a file are of 128 KiB.
      expect(second.bytesRead).toBeLessThanOrEqual(hammered + 4 * 131072 + audited);
      await guest.expectInstant(source, disk);
      await rest();
      await expectKept(second);
    }, 600_000);

    test('misses nothing of what is written, discarded and punched out', async () => {
      const random = randomFrom(7);
      const discard = source === device ? 'blkdiscard' : 'fallocate -p';
      const places = volumeSize / 4096 - 100;
      for (let round = 0; round < 4; round++) {
        const [hole, written] = [random.below(places), random.below(places)];
        await guest.run(`${discard} -o ${hole * 4096} -l ${4096 * (1 + random.below(90))} ${source}`);
        const count = 1 + random.below(90);
        await guest.run(
          `dd if=/dev/urandom of=${source} bs=4096 seek=${written} count=${count} conv=notrunc,fsync 2>&1`,
        );
        const result = await guest.backUp(source, words);
        expect(result).toMatchObject({ snapshot: 'zfs', tracker: 'zfs', warnings: [] });
        expect(result.bytesRead).toBeLessThan(volumeSize / 2);
        await guest.strata(`restore m/${disk}@latest --to /dev/vdb --force`);
        await guest.run(`blockdev --flushbufs /dev/vdb; cmp -n ${volumeSize} /dev/vdb ${source}`);
        await expectKept(result);
      }
    }, 900_000);

    // 003-08, 003-09
    test('is cleared of what killed backups left, and of nothing else', async () => {
      const owner = source === device ? volume : dataset;
      await guest.run(`zfs snapshot '${owner}@strata-cafe0001'; zfs snapshot '${owner}@theirs'`);
      await guest.killAmid(source, words);
      // One that vanished counts as cleared.
      const left = (await names()).find((name) => name.includes('@') && !name.endsWith('cafe0001')) ?? '';
      for (const tag of (await guest.run(`zfs holds -H '${left}' | cut -f 2`)).split('\n'))
        await guest.run(`zfs release ${tag} '${left}'`);
      await guest.run(`zfs destroy -R '${left}'`);
      await guest.killAmid(source, words);
      await guest.run(`grep -q '"act":"cleared"' /run/killed && ! grep -q '"event":"warning"' /run/killed`);
      const result = await guest.backUp(source, `${words} --tracker off`);
      expect(result).toMatchObject({ snapshot: 'zfs', warnings: [] });
      expect(await names()).toEqual([`${owner}@strata-cafe0001`]);
      await guest.expectNoRecords();
      await guest.run(`zfs destroy '${owner}@strata-cafe0001'; zfs destroy '${owner}@theirs'`);
    }, 600_000);

    test('whose kept snapshot is held by others is no failure; one that is gone has everything compared', async () => {
      const first = await guest.backUp(source, words);
      const kept = first.tracking.kept.path;
      await guest.run(`zfs hold theirs '${kept}'; ! zfs destroy '${kept}' 2>&1`);
      const second = await guest.backUp(source, words);
      expect(second).toMatchObject({ tracker: 'zfs', warnings: [] });
      expect(await names()).toHaveLength(2);
      await guest.run(`zfs release theirs '${kept}'`);
      await expectKept(second);
      const own = second.tracking.kept.path;
      await guest.run(`zfs release strata-$(echo '${own}' | sed 's/.*-//') '${own}'; zfs destroy '${own}'`);
      const third = await guest.backUp(source, words);
      expect(third).toMatchObject({ snapshot: 'zfs', tracker: 'off', warnings: [] });
      expect(third.tracking.reason).toContain('is gone');
      await guest.backUp(source, `${words} --tracker off`);
      expect(await names()).toEqual([]);
    }, 600_000);
  });

  test('files that are replaced, or of which more changed beside them than they have, are compared whole', async () => {
    const words = '--disk b';
    await guest.backUp(image, words);
    await guest.run(`cp ${image} /run/copy && mv /run/copy ${image} && sync`);
    expect((await guest.backUp(image, words)).tracking.reason).toContain('another one');
    await guest.run(`dd if=/dev/urandom of='${folder}/other' bs=1M count=60 conv=fsync 2>&1`);
    expect((await guest.backUp(image, words)).tracking.reason).toContain('reading all of it is less');
    await guest.run(
      `rm '${folder}/other'; truncate -s +1M ${image}; dd if=/dev/urandom of=${image} bs=64k oflag=append conv=notrunc count=2 2>&1; sync`,
    );
    expect(await guest.backUp(image, words)).toMatchObject({ tracker: 'zfs', warnings: [] });
    await guest.strata(`restore m/b@latest --to /run/restored --force`);
    await guest.run(`cmp /run/restored ${image}; truncate -s ${volumeSize} ${image}`);
    expect(await guest.backUp(image, words)).toMatchObject({ tracker: 'zfs', warnings: [] });
    await guest.strata(`restore m/b@latest --to /run/restored --force`);
    await guest.run(`cmp /run/restored ${image}; rm /run/restored`);
    await guest.backUp(image, `${words} --tracker off`);
  }, 600_000);

  test('volumes and files of a pool show one instant', async () => {
    const other = `'${folder}/other.img'`;
    const third = '/dev/zvol/tank/third';
    await guest.run(`zfs create -s -V 8M tank/third; until [ -b ${third} ]; do sleep 0.1; done`);
    await guest.run(`truncate -s 8M ${other}`);
    const sources = [device, image, other, third];
    await guest.run(
      `rm -f /run/turns; ${join(checkout, '.toolchain/bin/node')} ${turns} ${sources.join(' ')} > /run/turns & turns=$!`,
    );
    await guest.run('until [ -s /run/turns ]; do sleep 0.1; done');
    const line = `backup ${sources.join(' ')} --machine all --allocation off --snapshot required`;
    const [result] = (await guest.strata(line)).slice(-1);
    expect(result).toMatchObject({ event: 'result', oneInstant: true, warnings: [] });
    await guest.run('kill -9 $turns; wait $turns', 137);
    const numbers: number[] = [];
    for (const { disk } of result.disks) {
      await guest.strata(`restore all/${disk}@latest --to /dev/vdb --force`);
      numbers.push(Number(await guest.run('blockdev --flushbufs /dev/vdb; od -A n -t f8 -N 8 /dev/vdb')));
    }
    expectOneInstantOfAll(numbers);
    // Both files lie in one dataset, and have one snapshot in common, until both let go of it.
    expect(await names()).toHaveLength(3);
    for (const source of sources) await guest.strata(`backup ${source} --machine all --allocation off --tracker off`);
    expect(await names()).toEqual([]);
    await guest.expectNoRecords();
  }, 900_000);

  test('a mounted volume that stands still is of the instant of others', async () => {
    await guest.run(`zfs create -s -V 32M tank/fourth; until [ -b /dev/zvol/tank/fourth ]; do sleep 0.1; done`);
    await guest.run('mkfs.ext4 -q -E nodiscard /dev/zvol/tank/fourth; mount /dev/zvol/tank/fourth /mnt');
    await guest.run('echo some > /mnt/file');
    const result = (
      await guest.strata(
        'backup /dev/zvol/tank/fourth /dev/zvol/tank/third --machine two --snapshot required --tracker off',
      )
    ).at(-1);
    expect(result).toMatchObject({ oneInstant: true, warnings: [] });
    await guest.run('echo more > /mnt/file; umount /mnt');
    await guest.strata('restore two/fourth@latest --to /dev/vdb --force');
    expect(await guest.run('mount -o ro,noload /dev/vdb /mnt && cat /mnt/file; umount /mnt')).toBe('some');
    expect(await names()).toEqual([]);
  }, 600_000);
});
