import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { extAllocation } from '../../../../src/backup/allocation/ext/ext.ts';
import { complement } from '../../../../src/backup/allocation/extents.ts';
import { hasLoop } from '../../loop.ts';
import { scratchMemory } from '../../scratch.ts';
import { freeByDumpe2fs, kinds, makeExtImage } from './ext-images.ts';
import { withImage } from './volumes.ts';

describe.skipIf(!hasLoop)('in images made by the kernel (needs root and loop devices)', () => {
  it.each(kinds)('finds what dumpe2fs finds: %s', async (kind) => {
    const image = join(await scratchMemory(), 'image');
    await makeExtImage(image, kind, 40, 20);
    const { size } = await stat(image);
    const found = await withImage(image, extAllocation);
    expect(found).toEqual({ fileSystem: /ext\d/.exec(kind)?.[0], used: complement(freeByDumpe2fs(image), size) });
  });
});
