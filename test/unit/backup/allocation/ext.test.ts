import { execFileSync } from 'node:child_process';
import { copyFile, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { extAllocation } from '../../../../src/backup/allocation/ext/ext.ts';
import { complement } from '../../../../src/backup/allocation/extents.ts';
import { randomFrom } from '../../../model/random.ts';
import { hasLoop } from '../../loop.ts';
import { scratchMemory } from '../../scratch.ts';
import { freeByDumpe2fs, kinds, liveIn, makeExtImage } from './ext-images.ts';
import { withImage } from './volumes.ts';

describe.skipIf(!hasLoop)('in images made by the kernel (needs root and loop devices)', () => {
  it.each(kinds)('finds what dumpe2fs finds: %s', async (kind) => {
    const image = join(await scratchMemory(), 'image');
    await makeExtImage(image, kind, 40, 20);
    await expectAsDumpe2fs(image, /ext\d/.exec(kind)?.[0]);
  });

  it.each(['ext2', 'ext3', 'ext4'])(
    'does not believe one that is mounted, but one that is frozen: %s',
    async (kind) => {
      const folder = await scratchMemory();
      const [image, live, frozen] = [join(folder, 'image'), join(folder, 'live'), join(folder, 'frozen')];
      await makeExtImage(image, `-t ${kind}`, 20, 5);
      await liveIn(image, 3, 20, randomFrom(1), async (mountPoint) => {
        // A file that is open and has no name any more.
        const file = await open(join(mountPoint, 'nameless'), 'w');
        await file.write(Buffer.alloc(1024 ** 2, 'a'));
        await rm(join(mountPoint, 'nameless'));
        execFileSync('sync');
        await copyFile(image, live);
        execFileSync('fsfreeze', ['--freeze', mountPoint]);
        await copyFile(image, frozen).finally(() => execFileSync('fsfreeze', ['--unfreeze', mountPoint]));
        await file.close();
      });
      const unclean = { unknown: expect.stringMatching(/^it was not left clean/) };
      expect(await withImage(live, extAllocation)).toMatchObject(unclean);
      if (kind === 'ext2') expect(await withImage(frozen, extAllocation)).toMatchObject(unclean);
      else await expectAsDumpe2fs(frozen, kind);
    },
  );
});

async function expectAsDumpe2fs(image: string, fileSystem: string | undefined): Promise<void> {
  const { size } = await stat(image);
  const found = await withImage(image, extAllocation);
  expect(found).toEqual({ fileSystem, used: complement(freeByDumpe2fs(image), size) });
}
