import { spawnSync } from 'node:child_process';
import { mkdir, open, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Warning } from '../../../../src/repository/events.ts';
import { CacheRoom } from '../../../../src/repository/stores/cache-room.ts';
import { KeptRanges } from '../../../../src/repository/stores/kept-ranges.ts';
import { chunkBytes, RangeCache } from '../../../../src/repository/stores/range-cache.ts';
import { makeBytes } from '../../../model/bytes.ts';
import { scratchFolder } from '../../scratch.ts';

const pack = 'packs/ab/cdab';
const object = makeBytes(10 * chunkBytes + 777, 1);

/** A far object whose ranges are counted, seen through the cache in a folder. */
function openCache(folder: string, { limit = 1024 ** 3, content = object, keeps = true } = {}) {
  const asked: string[] = [];
  const warnings: Warning[] = [];
  const cache = new RangeCache(new CacheRoom(folder, limit), (warning) => warnings.push(warning));
  const far = {
    range: async (name: string, offset: number, length: number) => {
      asked.push(`${name.slice(-2)} ${offset / chunkBytes}+${length / chunkBytes}`);
      return content.subarray(offset, offset + length);
    },
    size: async () => content.length,
  };
  const ranges = new KeptRanges(far, cache, keeps);
  const read = async (first: number, count: number, { name = pack, fresh = false } = {}) => {
    const { bytes } = await ranges.range(name, first * chunkBytes, count * chunkBytes, fresh);
    expect(bytes.equals(content.subarray(first * chunkBytes, (first + count) * chunkBytes))).toBe(true);
    await cache.settled();
  };
  return { read, asked, warnings, ranges, cache };
}

async function kept(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
}

describe('ranges of packs on the local disk', () => {
  it('are used, and nothing is added to them, by who says so', async () => {
    const folder = await scratchFolder();
    await openCache(folder).read(2, 3);
    const before = await kept(folder);
    const passing = openCache(folder, { keeps: false });
    await passing.read(2, 3);
    await passing.read(0, 6);
    await passing.read(0, 6, { name: 'packs/ef/cdef' });
    expect(passing.asked).toEqual(['ab 0+2', 'ab 5+1', 'ef 0+6']);
    expect(await kept(folder)).toEqual(before);
  });

  it('are asked for once, by whoever reads them, up to the end of the object', async () => {
    const folder = await scratchFolder();
    const first = openCache(folder);
    await first.read(2, 3);
    await first.read(8, 4);
    await first.read(0, 12);
    expect(first.asked).toEqual(['ab 2+3', 'ab 8+4', 'ab 0+2', 'ab 5+3']);
    expect(first.ranges.traffic).toEqual({ requests: 0, bytes: 5 * chunkBytes + 777 });
    const second = openCache(folder);
    for (const [from, count] of [
      [0, 12],
      [10, 2],
      [3, 1],
    ] as const)
      await second.read(from, count);
    expect(second.asked).toEqual([]);
    expect(second.ranges.traffic).toEqual({ requests: 3, bytes: object.length + 777 + chunkBytes });
    expect((await stat(join(folder, pack))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'packs'))).mode & 0o777).toBe(0o700);
  });

  it('are never taken for content when they were torn, or changed', async () => {
    const folder = await scratchFolder();
    await openCache(folder).read(0, 12);
    const path = join(folder, pack);
    const { size } = await stat(path);
    const damages: (() => Promise<unknown>)[] = [
      async () => {
        const file = await open(path, 'r+');
        await file.write(Buffer.from('x'), 0, 1, 3 * (chunkBytes + 8) + 5000);
        await file.close();
      },
      // What was not written yet when the power went reads as zeros.
      async () => {
        const file = await open(path, 'r+');
        await file.write(Buffer.alloc(4096), 0, 4096, 6 * (chunkBytes + 8) + 8192);
        await file.close();
      },
      async () => {
        const file = await open(path, 'r+');
        await file.truncate(size - chunkBytes - 1000);
        await file.close();
      },
      () => writeFile(path, makeBytes(size, 7)),
      () => writeFile(path, ''),
    ];
    for (const damage of damages) {
      await damage();
      const reader = openCache(folder);
      await reader.read(0, 12);
      expect(reader.asked.length).toBeGreaterThan(0);
      const after = openCache(folder);
      await after.read(0, 12);
      expect(after.asked).toEqual([]);
    }
  });

  it('are replaced when they fit their sum and were wrong all the same', async () => {
    const folder = await scratchFolder();
    const wrong = openCache(folder, { content: makeBytes(object.length, 9) });
    await wrong.read(0, 4);
    const right = openCache(folder);
    await right.read(1, 2, { fresh: true });
    await right.read(1, 2);
    expect(right.asked).toEqual(['ab 1+2']);
  });

  it('are written by several at once, and by one that is killed, without harm', async () => {
    const folder = await scratchFolder();
    const module = (name: string) => new URL(`../../../../src/repository/stores/${name}.ts`, import.meta.url).href;
    const program = `
      import { CacheRoom } from ${JSON.stringify(module('cache-room'))};
      import { RangeCache } from ${JSON.stringify(module('range-cache'))};
      const cache = new RangeCache(new CacheRoom(${JSON.stringify(folder)}, 2 ** 30), () => {});
      for (let n = 0; n < 10; n++) cache.keep(${JSON.stringify(pack)}, n * ${chunkBytes}, Buffer.alloc(${chunkBytes}, n));
      setImmediate(() => process.kill(process.pid, 'SIGKILL'));`;
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program]);
    expect(signal).toBe('SIGKILL');
    const content = Buffer.concat(Array.from({ length: 10 }, (_, n) => Buffer.alloc(chunkBytes, n)));
    const readers = Array.from({ length: 4 }, () => openCache(folder, { content }));
    await Promise.all(readers.flatMap(({ read }) => [read(0, 10), read(3, 5), read(0, 10)]));
    const last = openCache(folder, { content });
    await last.read(0, 10);
    expect(last.asked).toEqual([]);
  });

  it('may be deleted at any time', async () => {
    const folder = join(await scratchFolder(), 'copies');
    const reader = openCache(folder);
    await reader.read(0, 2);
    await rm(folder, { recursive: true });
    await reader.read(0, 2);
    await reader.read(0, 2);
    expect(reader.asked).toEqual(['ab 0+2', 'ab 0+2']);
    expect(reader.warnings).toEqual([]);
  });

  it('take no more room than they may, over all processes; what was used longest ago goes', async () => {
    const folder = await scratchFolder();
    const limit = 8 * chunkBytes;
    const [a, b] = [openCache(folder, { limit }), openCache(folder, { limit })];
    for (const name of ['packs/00/01', 'packs/00/02']) await a.read(0, 2, { name });
    for (const [age, name] of ['packs/00/01', 'packs/00/02'].entries()) {
      const then = new Date(Date.now() - (2 - age) * 60_000);
      await utimes(join(folder, name), then, then);
    }
    for (const name of ['packs/00/03', 'packs/00/04', 'packs/00/05']) await b.read(0, 2, { name });
    await expect.poll(() => kept(folder)).toEqual(['03', '04', '05']);
    await a.read(0, 9, { name: 'packs/00/06' });
    await expect.poll(() => kept(folder)).not.toContain('06');
  });

  it('are not kept on a disk that is full, which is said once', async () => {
    const folder = await scratchFolder();
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', folder]);
    if (status !== 0) await mkdir(join(folder, pack), { recursive: true });
    else onTestFinished(() => void spawnSync('umount', [folder]));
    const reader = openCache(folder);
    for (let n = 0; n < 10; n++) await reader.read(n, 1);
    await reader.read(0, 10);
    expect(reader.warnings).toEqual([{ code: 'CACHE_UNUSABLE', message: expect.stringContaining(folder) }]);
  });
});
