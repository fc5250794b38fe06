/** Sectors of the source that cannot be read: what is lost is known, named and zero; everything else is kept. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { run } from '../e2e/images.ts';
import { openBench } from '../e2e/strata.ts';
import { makeBytes } from '../model/bytes.ts';

const bench = await openBench();
const disk = bench.path('disk.img');
const repo = bench.path('repo');
const shim = bench.path('bad-sectors.so');
const content = makeBytes(3_000_000, 5);

beforeAll(async () => {
  await run('cc', ['-shared', '-fPIC', '-O1', '-o', shim, join(import.meta.dirname, 'bad-sectors.c'), '-ldl']);
  await writeFile(disk, content);
  await bench.document(['init', '--repo', repo, '--no-encryption']);
});

const backup = ['backup', disk, '--repo', repo, '--machine', 'm'];
const badSectors = (sectors: string, tries?: string) => ({
  LD_PRELOAD: shim,
  BAD_FILE: disk,
  BAD_SECTORS: sectors,
  ...(tries && { BAD_TRIES: tries }),
});

test('two places are named to the sector, zero on the point, and a warning', async () => {
  const env = badSectors('1000448+1024,2999296+10');
  const events = await bench.events([...backup, '--disk', 'bad'], { env, code: 3 });
  const warning = {
    code: 'UNREADABLE',
    message: `1536 bytes of ${disk} in 2 places could not be read; zeros stand there`,
  };
  expect(events.filter(({ event }) => event === 'warning')).toEqual([expect.objectContaining(warning)]);
  const { point, warnings } = events.at(-1);
  expect(warnings).toEqual([warning]);
  const shown = await bench.document(['show', point, '--repo', repo]);
  expect(shown.unreadable).toEqual([
    [1_000_448, 1024],
    [2_999_296, 512],
  ]);
  expect(shown.warnings).toEqual([warning]);

  await bench.events(['verify', point, '--repo', repo]);
  await bench.events(['restore', point, '--to', bench.path('out'), '--repo', repo]);
  const expected = Buffer.from(content).fill(0, 1_000_448, 1_001_472).fill(0, 2_999_296, 2_999_808);
  expect((await readFile(bench.path('out'))).equals(expected)).toBe(true);
});

test('the next run, when all can be read again, is whole', async () => {
  const { point, blocks } = (await bench.events([...backup, '--disk', 'bad'])).at(-1);
  expect(blocks).toEqual({ changed: 2, zero: 0, deduplicated: 0 });
  await bench.events(['restore', point, '--to', bench.path('whole'), '--repo', repo]);
  expect((await readFile(bench.path('whole'))).equals(content)).toBe(true);
});

test('a sector that can be read at another try is no loss', async () => {
  const env = badSectors('1000448+512', '3');
  const { point, warnings } = (await bench.events([...backup, '--disk', 'shaky'], { env })).at(-1);
  expect(warnings).toEqual([]);
  await bench.events(['restore', point, '--to', bench.path('shaky'), '--repo', repo]);
  expect((await readFile(bench.path('shaky'))).equals(content)).toBe(true);
});
