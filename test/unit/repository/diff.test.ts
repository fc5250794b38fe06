import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backup } from '../../../src/backup/backup.ts';
import { diffPoints } from '../../../src/repository/diff.ts';
import { columnName } from '../../../src/repository/manifest.ts';
import { type Point, readPoint } from '../../../src/repository/points.ts';
import { block, changeBlocks, writeImage } from '../images.ts';
import { quiet, scratchFolder, scratchRepository } from '../scratch.ts';

async function bench() {
  const repo = await scratchRepository();
  const folder = await scratchFolder();
  const source = join(folder, 'disk.img');
  await writeImage(source, 'rrrrrrrr');
  const request = { source, machine: 'web1', disk: 'sda', cacheFolder: join(folder, 'cache') };
  const backUp = async (full = false): Promise<Point> => {
    const { point } = await backup(repo, { ...request, full }, () => undefined, quiet());
    return readPoint(repo, point ?? '');
  };
  return { repo, source, backUp };
}

describe('diffPoints', () => {
  it('joins changed blocks, in either direction and across chains', async () => {
    const { repo, source, backUp } = await bench();
    const first = await backUp();
    await changeBlocks(source, 1, 2, 5);
    const second = await backUp();
    const third = await backUp(true);
    const extents = [
      [block, 2 * block],
      [5 * block, block],
    ];
    for (const [a, b] of [
      [first, second],
      [second, first],
      [first, third],
    ] as const) {
      expect(await diffPoints(repo, a, b)).toEqual({ a: a.id, b: b.id, changedBytes: 3 * block, extents });
    }
    expect(await diffPoints(repo, second, third)).toMatchObject({ changedBytes: 0, extents: [] });
    expect(await diffPoints(repo, first, first)).toMatchObject({ changedBytes: 0, extents: [] });
  });

  it('counts what one of them has more', async () => {
    const { repo, source, backUp } = await bench();
    const first = await backUp();
    await truncate(source, 5 * block + 100);
    const second = await backUp();
    expect(await diffPoints(repo, first, second)).toMatchObject({ extents: [[5 * block, 3 * block]] });
  });

  it('says what is damaged', async () => {
    const { repo, source, backUp } = await bench();
    const first = await backUp();
    await changeBlocks(source, 1);
    const second = await backUp();
    await repo.store.remove(columnName(second.id, 'dig'));
    await expect(diffPoints(repo, first, second)).rejects.toMatchObject({ code: 'MAP_MISSING', exitCode: 13 });
  });
});
