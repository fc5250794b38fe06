import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytesIn } from '../../../../../src/backup/allocation/extents.ts';
import { randomFrom } from '../../../../model/random.ts';
import { announce } from '../../../mount/attach/images.ts';
import { scratchMemory } from '../../../scratch.ts';
import { type KindName, kinds } from './kinds.ts';
import { provenMap } from './proof.ts';

const cases: readonly [KindName, mebibytes: number, options: string][] = [
  ['xfs', 48, ''],
  ['xfs', 48, '-b size=1024 -m rmapbt=1 -d agcount=3'],
  ['btrfs', 128, ''],
  ['btrfs', 64, '--mixed --nodesize 4096 --csum sha256'],
  ['ntfs', 32, ''],
  ['ntfs', 32, '-c 512'],
  ['exfat', 32, '-c 4096'],
  ['vfat', 8, '-F 12'],
  ['vfat', 32, '-F 16 -s 4'],
  ['vfat', 64, '-F 32 -s 1'],
];

describe.each(cases)('the map of %s with %i MiB, made with "%s"', (name, mebibytes, options) => {
  const kind = kinds[name];

  it.skipIf(announce(name, kind.whyNot))('is all of it that anybody needs, and not everything', async () => {
    const image = join(await scratchMemory(), 'image');
    const size = mebibytes * 1024 * 1024;
    kind.make(image, size, options === '' ? [] : options.split(' '));
    kind.age(image, randomFrom(mebibytes), 60);
    expect(bytesIn(await provenMap(kind, image))).toBeLessThan(size * 0.8);
  });
});
