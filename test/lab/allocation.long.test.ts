/**
 * Allocation maps of file systems that the Linux kernel itself wrote, in a virtual machine, for the kernels of most machines
 * of developers lack some of them: FAT, exFAT, XFS of version 4. Debian's has no ntfs3.
 */
import { copyFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBench } from '../e2e/strata.ts';
import { type KindName, kinds } from '../unit/backup/allocation/file-systems/kinds.ts';
import { copyOnly, reasonOf, usedOf } from '../unit/backup/allocation/file-systems/proof.ts';
import { Guest } from './guest.ts';
import { type GuestParts, makeGuestParts, whyNoGuest } from './guest-parts.ts';

const mebibyte = 1024 * 1024;
const bench = await openBench();
const trouble = await whyNoGuest();
if (trouble) console.warn(`allocation.long.test.ts is skipped: ${trouble}`);

interface Case {
  readonly kind: KindName;
  readonly mebibytes: number;
  readonly options: readonly string[];
  /** Why there is no map while it is mounted and synchronised; null: there is one. */
  readonly mounted: RegExp | null;
}

const cases: readonly Case[] = [
  { kind: 'vfat', mebibytes: 16, options: ['-F', '12', '-s', '32'], mounted: /dirty/ },
  { kind: 'vfat', mebibytes: 40, options: ['-F', '16'], mounted: /dirty/ },
  { kind: 'vfat', mebibytes: 70, options: ['-F', '32', '-s', '1'], mounted: /dirty/ },
  { kind: 'exfat', mebibytes: 40, options: ['-c', '4096'], mounted: null },
  { kind: 'xfs', mebibytes: 64, options: ['-m', 'crc=0'], mounted: /log is not clean/ },
  { kind: 'xfs', mebibytes: 64, options: ['-b', 'size=1024'], mounted: /log is not clean/ },
  { kind: 'btrfs', mebibytes: 256, options: [], mounted: null },
];

const skipped = cases.find(({ kind }) => kinds[kind].whyNot !== '');
const images = cases.map(({ kind }, n) => bench.path(`${n}-${kind}`));
const drivers = ['vfat', 'exfat', 'xfs', 'btrfs', 'nls_cp437', 'nls_ascii', 'nls_iso8859-1', 'nls_utf8'];

describe.skipIf(trouble !== '' || skipped !== undefined)('the map of a file system that the kernel wrote', () => {
  let parts: GuestParts;
  let guest: Guest;

  beforeAll(async () => {
    parts = await makeGuestParts(bench.folder, drivers);
    for (const [n, { kind, mebibytes, options }] of cases.entries())
      kinds[kind].make(images[n] as string, mebibytes * mebibyte, options);
    guest = await start(images);
  }, 300_000);

  afterAll(() => guest?.kill());

  const start = async (disks: readonly string[]): Promise<Guest> => {
    const words = disks.flatMap((disk) => ['-drive', `file=${disk},format=raw,if=virtio,cache=writeback`]);
    const started = new Guest(parts, { words });
    await started.ready();
    return started;
  };

  test('is not believed while it is mounted, if it may be wrong, and else is all that the kernel needs', async () => {
    const contents: string[] = [];
    const cuts: string[] = [];
    const sums = 'cd /mnt; find . -type f | sort | xargs md5sum; cd /';
    await guest.run('write() { dd if=/dev/urandom of=/mnt/$1 bs=$2 count=$3 2>/dev/null; }');
    for (const [n, { kind: name, mounted }] of cases.entries()) {
      const [image, kind] = [images[n] as string, kinds[name]];
      await guest.run(mounting(n, name));
      await guest.run('for i in $(seq 120); do write f$i $((i * 37 % 4000 + 100)) $((i % 13 + 1)); done');
      await guest.run('sync; for i in $(seq 1 3 120); do rm /mnt/f$i; done; mkdir /mnt/d');
      await guest.run('for i in $(seq 40); do write d/g$i $((i * 97)) $((i % 7 + 1)); done; sync');
      const copy = `${image}.mounted`;
      copyFileSync(image, copy);
      const reason = await reasonOf(kind, copy);
      if (mounted === null) expect(reason).toBe('');
      else expect(reason).toMatch(mounted);
      contents.push(await guest.run(sums));
      await guest.run('umount /mnt');
      const cut = `${image}.cut`;
      copyOnly(image, cut, await usedOf(kind, image));
      kind.check(cut);
      cuts.push(cut);
    }
    const second = await start(cuts);
    try {
      for (const [n, { kind: name }] of cases.entries()) {
        await second.run(mounting(n, name));
        expect(await second.run(sums)).toBe(contents[n]);
        await second.run('umount /mnt');
      }
    } finally {
      await second.kill();
    }
  });
});

function mounting(n: number, driver: KindName): string {
  return `mount -t ${driver} /dev/vd${'abcdefg'[n]} /mnt`;
}
