import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allocationOf } from '../../../../../src/backup/allocation/disk.ts';
import { bytesIn } from '../../../../../src/backup/allocation/extents.ts';
import { randomFrom } from '../../../../model/random.ts';
import { announce, makeDisk } from '../../../mount/attach/images.ts';
import { scratchMemory } from '../../../scratch.ts';
import { withImage } from '../volumes.ts';
import { type KindName, kinds } from './kinds.ts';
import { usedOf } from './proof.ts';

const mebibyte = 1024 * 1024;
const parts: readonly [KindName, mebibytes: number, options: string][] = [
  ['vfat', 34, '-F 32 -s 1'],
  ['ntfs', 8, ''],
  ['xfs', 24, ''],
  ['exfat', 8, ''],
  ['btrfs', 64, '--mixed'],
];

const whyNot = parts.map(([name]) => kinds[name].whyNot).find((reason) => reason !== '') ?? '';

describe.skipIf(announce('disk.test.ts', whyNot))('a disk with five file systems', () => {
  it('is what each of them has in use, and what is no partition', async () => {
    const folder = await scratchMemory();
    const used: number[] = [];
    for (const [name, mebibytes, options] of parts) {
      const [kind, image] = [kinds[name], join(folder, name)];
      kind.make(image, mebibytes * mebibyte, options === '' ? [] : options.split(' '));
      kind.age(image, randomFrom(mebibytes), 20);
      used.push(bytesIn(await usedOf(kind, image)));
    }
    const disk = join(folder, 'disk');
    const images = parts.map(([name]) => join(folder, name));
    await makeDisk(disk, 'gpt', images);
    const { volumes, unallocated } = await withImage(disk, allocationOf);
    expect(volumes.map(({ fileSystem, used, reason }) => ({ fileSystem, used, reason }))).toEqual(
      parts.map(([fileSystem], n) => ({ fileSystem, used: used[n], reason: null })),
    );
    const whole = parts.reduce((sum, [, mebibytes]) => sum + mebibytes * mebibyte, 0);
    expect(bytesIn(unallocated)).toBe(whole - used.reduce((sum, bytes) => sum + bytes));
  });
});
