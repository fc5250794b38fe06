import { join } from 'node:path';
import { expect, it } from 'vitest';
import { backup } from '../../../src/backup/backup.ts';
import { blockMapOf } from '../../../src/repository/block-map.ts';
import { readPoint } from '../../../src/repository/points.ts';
import { changeBlocks, writeImage } from '../images.ts';
import { quiet, scratchFolder, scratchRepository } from '../scratch.ts';

it('tells of each part of the disk which point it comes from', async () => {
  const repo = await scratchRepository();
  const folder = await scratchFolder();
  const source = join(folder, 'disk.img');
  await writeImage(source, 'rr0rrr0r');
  const request = { source, machine: 'web1', disk: 'sda', cacheFolder: join(folder, 'cache') };
  const backUp = async () => {
    const { point } = await backup(repo, request, () => undefined, quiet());
    return readPoint(repo, point ?? '');
  };
  const full = await backUp();
  await changeBlocks(source, 1, 4);
  const second = await backUp();
  await changeBlocks(source, 4, 7);
  const third = await backUp();

  expect((await blockMapOf(repo, full, 8)).cells).toEqual([0, 0, -1, 0, 0, 0, -1, 0]);
  const map = await blockMapOf(repo, third, 8);
  expect(map.owners.map(({ id }) => id)).toEqual([third.id, second.id, full.id]);
  expect(map.cells).toEqual([2, 1, -1, 2, 0, 2, -1, 0]);
  // Of several blocks in a cell the newest counts; a block in several cells is in all of them.
  expect((await blockMapOf(repo, third, 4)).cells).toEqual([1, 2, 0, 0]);
  expect((await blockMapOf(repo, third, 16)).cells.slice(0, 6)).toEqual([2, 2, 1, 1, -1, -1]);
});
