import { execFileSync } from 'node:child_process';
import { copyFile, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Extents } from '../../../../src/backup/allocation/allocation.ts';
import { extAllocation } from '../../../../src/backup/allocation/ext/ext.ts';
import { complement } from '../../../../src/backup/allocation/extents.ts';
import { randomFrom } from '../../../model/random.ts';
import { hasLoop } from '../../loop.ts';
import { scratchMemory } from '../../scratch.ts';
import { freeByDumpe2fs, kinds, liveIn, makeExtImage, sameFiles } from './ext-images.ts';
import { volumeOfBytes, withImage } from './volumes.ts';

const [sizes, ages] = [
  [9, 20, 33, 70, 150],
  [0, 10, 60],
];
const cases = kinds.flatMap((kind) => sizes.flatMap((size) => ages.map((age) => ({ kind, size, age }))));

describe.skipIf(!hasLoop)(`in ${cases.length} images made by the kernel (needs root and loop devices)`, () => {
  it.each(cases)('$kind of $size MiB, $age steps old', async ({ kind, size, age }) => {
    const [image, copy] = await images();
    await makeExtImage(image, kind, size, age, size + age);
    await expectWhole(image, copy);
    // Another life after a check, as at boot.
    execFileSync('e2fsck', ['-fy', image], { stdio: 'pipe' });
    await liveIn(image, 5, size, randomFrom(age));
    await expectWhole(image, copy);
  });

  it.each(kinds)('does not believe one that is mounted: %s', async (kind) => {
    const [image, copy] = await images();
    await makeExtImage(image, kind, 20, 5);
    await liveIn(image, 3, 20, randomFrom(1), async () => {
      execFileSync('sync');
      await copyFile(image, copy);
    });
    expect(await withImage(copy, extAllocation)).toMatchObject({ unknown: expect.stringMatching(/not left clean/) });
    expect(await withImage(image, extAllocation)).toHaveProperty('used');
  });
});

async function images(): Promise<[string, string]> {
  const folder = await scratchMemory();
  return [join(folder, 'image'), join(folder, 'copy')];
}

/** The map is what dumpe2fs says, and a copy of nothing but the used extents is sound and has all files. */
async function expectWhole(image: string, copy: string): Promise<void> {
  const { size } = await stat(image);
  const found = await withImage(image, extAllocation);
  expect(found).toMatchObject({ used: complement(freeByDumpe2fs(image), size) });
  await copyOf(image, copy, found !== null && 'used' in found ? found.used : []);
  execFileSync('e2fsck', ['-fn', copy], { stdio: 'pipe' });
  sameFiles(image, copy);
  expect(await extAllocation(volumeOfBytes(await readFile(copy)))).toEqual(found);
}

async function copyOf(image: string, copy: string, extents: Extents): Promise<void> {
  const bytes = await readFile(image);
  const file = await open(copy, 'w');
  for (const [offset, length] of extents) await file.write(bytes, offset, length, offset);
  await file.truncate(bytes.length);
  await file.close();
}
