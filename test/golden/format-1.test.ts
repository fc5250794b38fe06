/** Repositories of format 1 as they were first written: they are read for ever, bit-exact. */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { backup } from '../../src/backup/backup.ts';
import { verify } from '../../src/backup/verify.ts';
import { listPoints } from '../../src/repository/points.ts';
import { Repository } from '../../src/repository/repository.ts';
import { restore } from '../../src/restore/restore.ts';
import { goldenDisk, goldenPassphrase } from './disk.ts';

const roots = {
  sealed: [
    'ea3564488e074b29d9dcf901c365a9ad1b9c8c077dc9b33d48e646ed4a83c64d',
    'd179eb00584f13c89eeb3506f9082d93e4f5477ba06eb4b0991fd320f693d5d5',
    '4b8d640620d7a067e0b1f64357facc81ad0e0b518ec21ad6c59fd9b959e93824',
  ],
  plain: [
    '4c8e2a228b5a579dc77e96cbcf22bbc1ffcbf00507c2bf1ce86686fb92c378fe',
    '363e7b3cee5dc563854723b7d2c91457a358f376bf4b5544263e6e205d470c5c',
    'a4df88d20338dd9951cfccd8887831741be68786b0315f9e58125081a425d851',
  ],
} as const;
const folder = await mkdtemp(join(tmpdir(), 'strata-golden-'));
afterAll(() => rm(folder, { recursive: true }));
const never = new AbortController().signal;
const quiet = () => {};

describe.for(['sealed', 'plain'] as const)('%s', (name) => {
  // Read from a copy: verify writes its marks.
  const opened = (async () => {
    const copy = join(folder, name);
    await cp(join(import.meta.dirname, 'format-1', name), copy, { recursive: true });
    return Repository.open(copy, async () => goldenPassphrase);
  })();

  test('its points are listed as they were made', async () => {
    const { points, damaged } = await listPoints(await opened);
    expect(damaged).toEqual([]);
    expect(points.map(({ tags, kind, size }) => [tags, kind, size])).toEqual([
      [['point-2'], 'incremental', goldenDisk(2).length],
      [['point-1'], 'incremental', goldenDisk(1).length],
      [['point-0'], 'full', goldenDisk(0).length],
    ]);
    expect(points.map(({ manifest }) => manifest.root)).toEqual(roots[name]);
  });

  test('all of it is whole', async () => {
    const found = await verify(await opened, { specs: [], all: true, samplePercent: 100 }, quiet, never);
    expect(found).toMatchObject({ damaged: 0, blocksChecked: 8 });
  });

  test.for([0, 1, 2] as const)('point %i is restored bit-exact', async (at) => {
    const repo = await opened;
    const { points } = await listPoints(repo, { tag: `point-${at}` });
    const target = join(folder, `${name}-${at}`);
    await restore(repo, { point: points[0]?.id ?? '', to: target }, quiet, never);
    expect((await readFile(target)).equals(goldenDisk(at))).toBe(true);
  });

  test('it goes on: the next point stores nothing of what is there', async () => {
    const repo = await opened;
    const target = join(folder, `${name}-2`);
    const cacheFolder = join(folder, 'cache');
    const made = await backup(repo, { source: target, machine: 'golden', disk: 'disk', cacheFolder }, quiet, never);
    expect(made).toMatchObject({
      kind: 'incremental',
      bytesStored: 0,
      blocks: { changed: 0, zero: 0, deduplicated: 0 },
    });
    const other = await backup(repo, { source: target, machine: 'other', disk: 'disk', cacheFolder }, quiet, never);
    expect(other).toMatchObject({ kind: 'full', bytesStored: 0, blocks: { changed: 6, zero: 2, deduplicated: 6 } });
  });
});
