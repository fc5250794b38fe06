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
    '3d30409d720e87e7505550c0bbe6ad86935e2a78ddc4e4c5a5c473e11dbdcd96',
    'fa0850e7730ef1f6ff3892721a96ed4471fcd96efcc611f85d11d63ca8a03e87',
    '52db8bc725a2c67218f82e54041af5dcbec347d8090cc8354cbb1b29d7426114',
  ],
  plain: [
    '5b6e6f1a6a0cce45084d3580ed9e003e608c3376418a799020b290dc8e58d35c',
    'cbc438fc08e68dfd424234f0864451bc9a9dde0ef1990cbe1ff1804d913386fa',
    '05faf4267332568744f4bd67fd45a95e11709c2b0aecb1a898712d6084bb9b05',
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
