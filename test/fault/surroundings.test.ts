/** What the world around does to a run: a full disk, a read-only one, a source that goes away or changes its size. */
import { copyFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../e2e/images.ts';
import { openBench } from '../e2e/strata.ts';
import { makeBytes } from '../model/bytes.ts';

const mib = 1024 ** 2;
const bench = await openBench();
const disk = bench.path('disk.img');
const small = makeBytes(4 * mib, 1);

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)('a repository on a file system of its own (needs root, for mount)', () => {
  const place = bench.path('place');
  const repo = `${place}/repo`;
  const backup = ['backup', disk, '--repo', repo, '--machine', 'm'];
  let first = '';

  beforeAll(async () => {
    await run('mkdir', [place]);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'none', place]);
    await bench.document(['init', '--repo', repo, '--no-encryption']);
    await writeFile(disk, small);
    first = (await bench.events(backup)).at(-1).point;
  });
  afterAll(() => run('umount', [place]));

  const expectFirst = async () => {
    await bench.events(['verify', '--all', '--repo', repo]);
    await bench.events(['restore', first, '--to', bench.path('out'), '--force', '--repo', repo]);
    expect((await readFile(bench.path('out'))).equals(small)).toBe(true);
  };

  test('that is full: the run fails and says so, nothing is harmed, and with room again it goes on', async () => {
    await writeFile(disk, makeBytes(40 * mib, 2));
    const { code, stderr } = await bench.strata(backup);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^strata: .*no space.*\n {2}\S.*\n$/i) });
    await expectFirst();
    await run('mount', ['-o', 'remount,size=96m', place]);
    const { point } = (await bench.events(backup)).at(-1);
    await bench.events(['restore', point, '--to', bench.path('big'), '--repo', repo]);
    expect((await readFile(bench.path('big'))).equals(await readFile(disk))).toBe(true);
  });

  test('that is read-only: no backup, but verify and restore', async () => {
    await run('mount', ['-o', 'remount,ro', place]);
    const { code, stderr } = await bench.strata(backup);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^strata: .*read-only.*\n {2}\S.*\n$/i),
    });
    const { damaged } = (await bench.events(['verify', '--all', '--repo', repo], { code: 3 })).at(-1);
    expect(damaged).toBe(0);
    await bench.events(['restore', first, '--to', bench.path('again'), '--repo', repo]);
    await run('mount', ['-o', 'remount,rw', place]);
  });
});

describe('a source', () => {
  const repo = bench.path('repo');
  const source = bench.path('source.img');
  const content = makeBytes(16 * mib, 3);
  beforeAll(() => bench.document(['init', '--repo', repo, '--no-encryption']));

  test('that gets shorter while it is read fails the run', async () => {
    await writeFile(source, content);
    const running = bench.start(['backup', source, '--repo', repo, '--rate-limit', '4M', '--json']);
    running.end();
    await running.event(({ event, bytesRead }) => event === 'progress' && bytesRead > 0);
    await truncate(source, 5 * mib);
    const { code, stderr } = await running.outcome;
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/ended at 5242880 while it was read/) });
    expect(await bench.document(['points', '--repo', repo])).toEqual([]);
  });

  test.for([
    ['grew', 17 * mib + 512],
    ['shrank', 3 * mib + 1],
    ['grew again', 9 * mib],
  ] as const)('that %s between runs is just another point', async ([, size]) => {
    await copyFile(source, bench.path('sized.img'));
    await writeFile(bench.path('sized.img'), content);
    await truncate(bench.path('sized.img'), size);
    const backup = ['backup', bench.path('sized.img'), '--repo', repo];
    const { point } = (await bench.events(backup)).at(-1);
    const target = bench.path(`sized-${size}`);
    await bench.events(['restore', point, '--to', target, '--repo', repo]);
    expect((await readFile(target)).equals(await readFile(bench.path('sized.img')))).toBe(true);
  });
});
