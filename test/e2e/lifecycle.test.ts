/** A disk's whole life: back up, change, back up again, look, verify, restore to a file, a delta and a device. */
import { randomBytes } from 'node:crypto';
import { copyFile, open, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { beforeAll, describe, expect, test } from 'vitest';
import { addFile, makeImage, mib, run } from './images.ts';
import { type Json, openBench, passphrase } from './strata.ts';

const bench = await openBench(passphrase);
const image = bench.path('disk.img');
const env = { STRATA_REPO: bench.path('repo') };
/** Unencrypted, so that nothing waits for a key to be derived. */
const plain = { STRATA_REPO: bench.path('plain'), STRATA_PASSWORD: '' };
const first = { image: bench.path('first.img'), backup: {} as Json };
const second = { image: bench.path('second.img'), backup: {} as Json };

/** The result event of a long action. */
async function result(words: readonly string[], place = env): Promise<Json> {
  return (await bench.events(words, { env: place })).at(-1);
}

async function expectSame(path: string, other: string): Promise<void> {
  expect((await readFile(path)).equals(await readFile(other)), `${path} is not ${other}`).toBe(true);
}

beforeAll(async () => {
  await makeImage(image, 32);
  await bench.document(['init'], { env });
  await bench.document(['init', '--no-encryption'], { env: plain });
  first.backup = await result(['backup', image, '--machine', 'web1', '--tag', 'nightly', '--note', 'the first']);
  await copyFile(image, first.image);
  await addFile(image, 'added', randomBytes(mib));
  second.backup = await result(['backup', image, '--machine', 'web1']);
  await copyFile(image, second.image);
});

describe('backup', () => {
  test('makes a full point first', () => {
    expect(first.backup).toMatchObject({ machine: 'web1', disk: 'disk.img', kind: 'full', parent: null });
    expect(first.backup).toMatchObject({ size: 32 * mib, warnings: [], snapshot: 'off', tracker: 'off' });
    expect(first.backup.bytesNew).toBeGreaterThan(5 * mib);
  });

  test('leaves out what the file system does not use, unless told otherwise', async () => {
    const { allocation, skipped, bytesRead } = first.backup;
    expect(allocation).toMatchObject([{ partition: null, fileSystem: 'ext4', size: 32 * mib, reason: null }]);
    expect(skipped.unallocated).toBeGreaterThan(5 * mib);
    expect(bytesRead).toBeLessThanOrEqual(32 * mib - skipped.unallocated);
    for (const words of [['--no-allocation-map'], ['--allocation', 'off']]) {
      const all = await result(['backup', image, '--machine', 'whole', ...words]);
      expect(all).toMatchObject({ allocation: null, skipped: { unallocated: 0, unchanged: 0 } });
      await bench.document(['forget', all.point], { env });
    }
  });

  test('then stores only what changed', () => {
    expect(second.backup).toMatchObject({ kind: 'incremental', parent: first.backup.point, warnings: [] });
    expect(second.backup.bytesNew).toBeGreaterThanOrEqual(mib);
    expect(second.backup.bytesNew).toBeLessThan(4 * mib);
  });

  test('stores nothing when nothing changed, and the point is whole all the same', async () => {
    const third = await result(['backup', image, '--machine', 'web1']);
    expect(third).toMatchObject({ kind: 'incremental', bytesNew: 0, blocks: { changed: 0 } });
    expect(await bench.document(['diff', second.backup.point, third.point], { env })).toMatchObject({
      changedBytes: 0,
      extents: [],
    });
    await bench.document(['forget', third.point], { env });
  });

  test('reads standard input, told no size', async () => {
    const content = await readFile(image);
    const running = bench.start(['backup', '-', '--disk', 'stream', '--json'], { env });
    running.end(content);
    expect(await running.outcome).toMatchObject({ code: 0, stderr: '' });
    await result(['restore', `${hostname()}/stream@latest`, '--to', bench.path('stream.img')]);
    await expectSame(bench.path('stream.img'), image);
  });

  test('follows a disk that grows, shrinks, and ends within a block', async () => {
    const disk = bench.path('elastic.img');
    for (const size of [5 * mib + 12_345, 9 * mib, 3 * mib + 1, 9 * mib]) {
      await writeFile(disk, '', { flag: 'a' });
      await truncate(disk, size);
      const file = await open(disk, 'r+');
      await file.write(randomBytes(4096), 0, 4096, 2 * mib);
      await file.close();
      const { point } = await result(['backup', disk], plain);
      await result(['restore', point, '--to', bench.path(`elastic-${point}`)], plain);
      await expectSame(bench.path(`elastic-${point}`), disk);
    }
  });
});

describe('points', () => {
  test('lists them newest first, filtered and limited', async () => {
    const listed = await bench.document(['points', '--machine', 'web1'], { env });
    expect(listed.map(({ id }: Json) => id)).toEqual([second.backup.point, first.backup.point]);
    expect(listed[1]).toMatchObject({ kind: 'full', chainLength: 1, tags: ['nightly'], note: 'the first' });
    const limited = await bench.document(['points', '--machine', 'web1', '--limit', '1'], { env });
    expect(limited.map(({ id }: Json) => id)).toEqual([second.backup.point]);
    const tagged = await bench.document(['points', '--tag', 'nightly'], { env });
    expect(tagged.map(({ id }: Json) => id)).toEqual([first.backup.point]);
  });

  test('shows a table to people', async () => {
    const { stdout } = await bench.strata(['points', '--disk', 'disk.img'], { env });
    const [heading, ...rows] = stdout.trimEnd().split('\n');
    expect(heading).toMatch(/^point +time +disk +kind +size +stored +chain +marks$/);
    expect(rows).toHaveLength(2);
    expect(rows[1]).toMatch(
      new RegExp(`^${first.backup.point.slice(0, 8)}  \\S+Z  web1/disk.img  full +32.0 MiB +\\S+ .iB +1 .*#nightly$`),
    );
  });
});

describe('show', () => {
  test('tells the chain and what the whole point refers to', async () => {
    const shown = await bench.document(['show', second.backup.point], { env });
    expect(shown).toMatchObject({ id: second.backup.point, size: 32 * mib, chainLength: 2 });
    expect(shown.chain.map(({ id, kind }: Json) => [id, kind])).toEqual([
      [second.backup.point, 'incremental'],
      [first.backup.point, 'full'],
    ]);
    expect(shown.statistics.dataBytes + shown.statistics.zeroBytes).toBe(32 * mib);
    expect(shown.statistics.storedBytes).toBeGreaterThan(shown.stats.bytesStored);
  });

  test('knows points by a prefix, as the latest, and by time', async () => {
    const specs = [
      second.backup.point.slice(0, 12),
      'web1/disk.img@latest',
      `web1/disk.img@${second.backup.pointTime}`,
    ];
    for (const spec of specs) {
      expect((await bench.document(['show', spec], { env })).id, spec).toBe(second.backup.point);
    }
    expect((await bench.document(['show', `web1/disk.img@${first.backup.pointTime}`], { env })).id).toBe(
      first.backup.point,
    );
  });

  test('is readable', async () => {
    const { stdout } = await bench.strata(['show', first.backup.point], { env });
    expect(stdout).toContain(`point      ${first.backup.point}\n`);
    expect(stdout).toContain('note       the first\n');
    expect(stdout).toMatch(/\nvolume +the disk \(ext4\): \S+ MiB of 32.0 MiB used\n/);
    expect(stdout).toMatch(/\nskipped +\S+ MiB that no file system uses\n/);
    expect(stdout).toMatch(/\nchain +time +kind +stored\n/);
  });
});

test('diff names the changed ranges, and they hold all that changed', async () => {
  const { changedBytes, extents } = await bench.document(['diff', first.backup.point, second.backup.point], { env });
  expect(changedBytes).toBe(extents.reduce((sum: number, [, length]: [number, number]) => sum + length, 0));
  const [before, after] = await Promise.all([readFile(first.image), readFile(second.image)]);
  for (const [offset, length] of extents) after.copy(before, offset, offset, offset + length);
  expect(before.equals(after)).toBe(true);
});

test('verify finds everything good, and the points say so', async () => {
  const verified = await result(['verify', '--all']);
  expect(verified).toMatchObject({ damaged: 0 });
  expect(verified.points.every(({ ok }: Json) => ok)).toBe(true);
  const [point] = await bench.document(['points', '--machine', 'web1', '--limit', '1'], { env });
  expect(point.verified).not.toBeNull();
  expect(await result(['verify', first.backup.point, '--sample', '10'])).toMatchObject({ damaged: 0 });
});

describe('restore', () => {
  test('is bit-exact for every point, and leaves holes where the disk has zeros', async () => {
    for (const { image: expected, backup } of [first, second]) {
      const target = bench.path(`restored-${backup.point}`);
      const restored = await result(['restore', backup.point, '--to', target]);
      expect(restored).toMatchObject({ size: 32 * mib, bytesSkipped: 0 });
      expect(restored.bytesWritten).toBeLessThan(24 * mib);
      await expectSame(target, expected);
      expect((await stat(target)).blocks * 512).toBeLessThan(24 * mib);
    }
    await run('e2fsck', ['-f', '-n', bench.path(`restored-${second.backup.point}`)]);
  });

  test('writes zeros when told so', async () => {
    const target = bench.path('thick.img');
    await result(['restore', first.backup.point, '--to', target, '--no-sparse']);
    await expectSame(target, first.image);
    expect((await stat(target)).blocks * 512).toBeGreaterThanOrEqual(32 * mib);
  });

  test('as a delta writes only what differs', async () => {
    const target = bench.path('delta.img');
    await copyFile(first.image, target);
    const restored = await result(['restore', second.backup.point, '--to', target, '--delta']);
    await expectSame(target, second.image);
    expect(restored.bytesWritten).toBeLessThan(4 * mib);
    expect(await result(['restore', second.backup.point, '--to', target, '--delta'])).toMatchObject({
      bytesWritten: 0,
      bytesSkipped: 32 * mib,
    });
  });

  test('overwrites a file when forced, whatever its size', async () => {
    for (const size of [mib, 40 * mib]) {
      const target = bench.path(`forced-${size}.img`);
      await writeFile(target, randomBytes(size));
      await result(['restore', first.backup.point, '--to', target, '--force']);
      await expectSame(target, first.image);
    }
  });

  test('fills a block device', async ({ skip }) => {
    const disk = bench.path('device.img');
    await writeFile(disk, randomBytes(33 * mib));
    const attached = await run('losetup', ['--find', '--show', disk]).catch((error: Error) => error);
    if (attached instanceof Error) return skip(`no loop device can be had here: ${attached.message.trim()}`);
    const device = attached.stdout.trim();
    try {
      await result(['restore', second.backup.point, '--to', device, '--force']);
      const written = await readFile(device);
      expect(written.subarray(0, 32 * mib).equals(await readFile(second.image))).toBe(true);
      const backup = await result(['backup', device, '--disk', 'loop']);
      expect(backup).toMatchObject({ size: 33 * mib });
      await result(['restore', backup.point, '--to', bench.path('loop.img')]);
      expect((await readFile(bench.path('loop.img'))).equals(written)).toBe(true);
    } finally {
      await run('losetup', ['--detach', device]);
    }
  });

  test('says what it would do, and does not', async () => {
    const target = bench.path('dry.img');
    expect(await result(['restore', first.backup.point, '--to', target, '--dry-run'])).toMatchObject({ dryRun: true });
    await expect(stat(target)).rejects.toThrow('ENOENT');
  });
});

test('forget drops a point, and what stands on it stays readable', async () => {
  const disk = bench.path('forgotten.img');
  const ids: string[] = [];
  for (const content of ['one', 'two']) {
    await writeFile(disk, content);
    ids.push((await result(['backup', disk, '--disk', 'f'], plain)).point);
  }
  const dry = await bench.document(['forget', ids[0] ?? '', '--dry-run'], { env: plain });
  expect(dry).toMatchObject({ dryRun: true, forgotten: [ids[0]], neededByOthers: [ids[0]] });
  expect(await bench.document(['points', '--disk', 'f'], { env: plain })).toHaveLength(2);
  await bench.document(['forget', ids[0] ?? ''], { env: plain });
  const listed = await bench.document(['points', '--disk', 'f'], { env: plain });
  expect(listed.map(({ id }: Json) => id)).toEqual([ids[1]]);
  await result(['restore', ids[1] ?? '', '--to', bench.path('two')], plain);
  expect(await readFile(bench.path('two'), 'utf8')).toBe('two');
});
