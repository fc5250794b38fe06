import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CacheRoom } from '../../../../src/repository/stores/cache-room.ts';
import { ObjectCache } from '../../../../src/repository/stores/object-cache.ts';
import { scratchFolder } from '../../scratch.ts';

async function* of(...pieces: readonly string[]) {
  for (const piece of pieces) yield Buffer.from(piece);
}

async function open(folder: string, limit = 1000): Promise<ObjectCache> {
  const cache = new ObjectCache(new CacheRoom(folder, limit));
  onTestFinished(() => cache.close());
  return cache;
}

/** Makes a copy one that was used so many minutes ago. */
async function age(path: string, minutes: number): Promise<void> {
  const then = new Date(Date.now() - minutes * 60_000);
  await utimes(path, then, then);
}

describe('copies of objects', () => {
  it('are kept, found and shared', async () => {
    const folder = await scratchFolder();
    const cache = await open(folder);
    expect(await cache.hold('maps/a')).toBeNull();
    await cache.write('maps/a', of('one', 'two'));
    expect(await cache.hold('maps/a')).toBe(6);
    expect(await readFile(cache.pathOf('maps/a'), 'utf8')).toBe('onetwo');
    expect(await (await open(folder)).hold('maps/a')).toBe(6);
  });

  it('that could not be finished are none', async () => {
    const folder = await scratchFolder();
    const cache = await open(folder);
    async function* broken() {
      yield Buffer.from('half');
      throw new Error('the network');
    }
    await expect(cache.write('maps/a', broken())).rejects.toThrow('the network');
    expect(await cache.hold('maps/a')).toBeNull();
    expect(await readdir(join(folder, 'maps'))).toEqual([]);
  });

  it('are taken over from a file that nobody needs any more', async () => {
    const folder = await scratchFolder();
    const cache = await open(join(folder, 'cache'));
    await writeFile(join(folder, 'spooled'), 'content');
    await cache.take('maps/a', join(folder, 'spooled'));
    expect(await cache.hold('maps/a')).toBe(7);
    expect(await readdir(folder)).toEqual(['cache']);
  });

  it('go when there is no room, those used longest ago first, but none that may be in use', async () => {
    const folder = await scratchFolder();
    const before = await open(folder, 10_000);
    for (const [n, name] of ['old', 'older', 'oldest', 'used'].entries()) {
      await before.write(`maps/${name}`, of('x'.repeat(300)));
      await age(before.pathOf(`maps/${name}`), name === 'used' ? 0 : 60 * (n + 1));
    }
    const cache = await open(folder);
    await cache.write('maps/new', of('x'.repeat(300)));
    await expect.poll(async () => (await readdir(join(folder, 'maps'))).sort()).toEqual(['new', 'old', 'used']);
    await cache.write('maps/newer', of('x'.repeat(500)));
    await expect.poll(async () => (await readdir(join(folder, 'maps'))).sort()).toEqual(['new', 'newer', 'used']);
  });

  it('that a killed process left unfinished go after a while', async () => {
    const folder = await scratchFolder();
    await mkdir(join(folder, 'maps'));
    for (const name of ['dead.1.ab.part', 'alive.2.cd.part']) await writeFile(join(folder, 'maps', name), 'half');
    await age(join(folder, 'maps', 'dead.1.ab.part'), 60);
    const cache = await open(folder);
    await cache.write('maps/a', of('x'));
    expect((await readdir(join(folder, 'maps'))).sort()).toEqual(['a', 'alive.2.cd.part']);
    expect((await stat(cache.pathOf('maps/a'))).size).toBe(1);
  });
});
