import { mkdir, open, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backup } from '../../../src/backup/backup.ts';
import type { StrataEvent } from '../../../src/repository/events.ts';
import { columnName } from '../../../src/repository/manifest.ts';
import { listPacks, packName } from '../../../src/repository/packs.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import type { Restored } from '../../../src/repository/restored.ts';
import { type RestoreRequest, restore } from '../../../src/restore/restore.ts';
import { block, changeBlocks, hashOf, writeImage } from '../images.ts';
import { attach, hasLoop, mount } from '../loop.ts';
import { gptDisk } from '../repository/layout/disks.ts';
import { quiet, scratchFolder, scratchRepository } from '../scratch.ts';

interface Bench {
  readonly repo: Repository;
  readonly folder: string;
  readonly cache: string;
  readonly image: string;
  readonly target: string;
  readonly hash: string;
  readonly events: StrataEvent[];
  restore(request?: Partial<RestoreRequest>, signal?: AbortSignal): Promise<Restored>;
}

async function bench(shape = 'rz.rt..r', tail = 512): Promise<Bench> {
  const repo = await scratchRepository();
  const folder = await scratchFolder();
  const image = join(folder, 'disk.img');
  await writeImage(image, shape, tail);
  const cache = await scratchFolder();
  const request = { source: image, machine: 'web1', disk: 'sda', cacheFolder: cache };
  const { point } = await backup(repo, request, () => undefined, quiet());
  const target = join(folder, 'target');
  const events: StrataEvent[] = [];
  const start = (request: Partial<RestoreRequest> = {}, signal = quiet()) =>
    restore(repo, { point: point ?? '', to: target, ...request }, (event) => events.push(event), signal);
  return { repo, folder, cache, image, target, hash: await hashOf(image), events, restore: start };
}

const bytesOnDisk = async (path: string) => (await stat(path)).blocks * 512;

describe('restore to a file', () => {
  it('makes a new one, sparse unless asked otherwise', async () => {
    const { folder, target, hash, events, restore } = await bench();
    const result = await restore();
    expect(result).toMatchObject({ to: target, dryRun: false, size: 8 * block - 512, bytesWritten: 4 * block - 512 });
    expect(await hashOf(target)).toBe(hash);
    expect(await bytesOnDisk(target)).toBe(4 * block);
    expect((await stat(target)).mode & 0o777).toBe(0o600);
    await restore({ to: join(folder, 'thick'), sparse: false });
    expect(await hashOf(join(folder, 'thick'))).toBe(hash);
    expect(await bytesOnDisk(join(folder, 'thick'))).toBe(8 * block);
    expect(events.map(({ event }) => event)).toContain('progress');
  });

  it('refuses to overwrite; with force it replaces the file by a whole new one', async () => {
    const { folder, target, hash, restore } = await bench();
    await writeFile(target, 'mine', { mode: 0o640 });
    await expect(restore()).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
    expect(await readFile(target, 'utf8')).toBe('mine');
    await restore({ force: true });
    expect(await hashOf(target)).toBe(hash);
    expect((await stat(target)).mode & 0o777).toBe(0o640);
    expect(await readdir(folder)).toEqual(['disk.img', 'target']);
  });

  it('leaves the old file and no part of a new one when it fails', async () => {
    const { repo, folder, target, restore } = await bench();
    await writeFile(target, 'mine');
    const [pack] = [...(await listPacks(repo)).keys()];
    const file = await open(repo.store.localPath(packName(pack ?? '')), 'r+');
    await file.write(Buffer.alloc(2 * block, 'x'), 0, 2 * block, 200);
    await file.close();
    await expect(restore({ force: true })).rejects.toMatchObject({ code: 'FRAME_DAMAGED', exitCode: 13 });
    expect(await readFile(target, 'utf8')).toBe('mine');
    expect(await readdir(folder)).toEqual(['disk.img', 'target']);
  });

  it('leaves the old file when it is interrupted', async () => {
    const { folder, target, restore } = await bench();
    await writeFile(target, 'mine');
    await expect(restore({ force: true }, AbortSignal.abort())).rejects.toMatchObject({
      code: 'INTERRUPTED',
      exitCode: 130,
    });
    expect(await readFile(target, 'utf8')).toBe('mine');
    expect(await readdir(folder)).toEqual(['disk.img', 'target']);
  });

  it('follows a link and removes what a killed restore left', async () => {
    const { folder, target, hash, restore } = await bench();
    await writeFile(target, 'mine');
    await symlink(target, join(folder, 'link'));
    const { point } = await restore({ to: join(folder, 'link'), dryRun: true, force: true });
    await writeFile(`${target}.strata-${point.slice(0, 8)}.part`, 'half');
    await restore({ to: join(folder, 'link'), force: true });
    expect(await hashOf(target)).toBe(hash);
    expect(await readdir(folder)).toEqual(['disk.img', 'link', 'target']);
  });

  it('writes nothing on a dry run', async () => {
    const { folder, restore } = await bench();
    expect(await restore({ dryRun: true })).toMatchObject({ dryRun: true, bytesWritten: 0, size: 8 * block - 512 });
    expect(await readdir(folder)).toEqual(['disk.img']);
  });
});

describe('restore of a partition', () => {
  async function partitioned() {
    const made = await bench('rrrr', 0);
    const disk = gptDisk();
    // A name of its own in every sector, so that it shows which were restored.
    for (let at = 1024 * 1024; at < 3 * 1024 * 1024; at += 512) disk.write(`sector at ${at}`, at);
    await writeFile(made.image, disk);
    const { point } = await backup(
      made.repo,
      { source: made.image, machine: 'web1', disk: 'sdb', cacheFolder: made.cache },
      () => undefined,
      quiet(),
    );
    return { ...made, disk, point: point ?? '' };
  }

  it('gives its bytes and no others', async () => {
    const { target, disk, point, restore } = await partitioned();
    expect(await restore({ point, partition: 3 })).toMatchObject({ size: 1024 * 1024 });
    expect((await readFile(target)).equals(disk.subarray(2 * 1024 * 1024, 3 * 1024 * 1024))).toBe(true);
    await restore({ point, partition: 1, delta: true });
    expect((await readFile(target)).equals(disk.subarray(1024 * 1024, 2 * 1024 * 1024))).toBe(true);
  });

  it('says which there are', async () => {
    const { folder, point, restore } = await partitioned();
    await expect(restore({ point, partition: 2 })).rejects.toMatchObject({
      code: 'PARTITION_NOT_FOUND',
      params: { known: '1, 3' },
    });
    await expect(restore({ partition: 1 })).rejects.toMatchObject({
      code: 'PARTITION_NOT_FOUND',
      params: { known: 'none' },
    });
    expect(await readdir(folder)).toEqual(['disk.img']);
  });
});

describe('delta restore to a file', () => {
  it('writes only what differs', async () => {
    const { image, hash, restore } = await bench();
    await changeBlocks(image, 0, 3);
    const result = await restore({ to: image, delta: true });
    expect(await hashOf(image)).toBe(hash);
    expect(result.bytesSkipped + result.bytesWritten).toBe(8 * block - 512);
    expect(result.bytesWritten).toBe(2 * block);
    expect(await restore({ to: image, delta: true })).toMatchObject({ bytesWritten: 0 });
  });

  it('clears what should be zero', async () => {
    const { image, hash, restore } = await bench();
    await changeBlocks(image, 1, 5);
    await restore({ to: image, delta: true });
    expect(await hashOf(image)).toBe(hash);
  });

  it.each([0, 3 * block + 17, 8 * block - 511, 20 * block])('brings a target of %i bytes to its size', async (size) => {
    const { image, hash, restore } = await bench();
    await truncate(image, size);
    await restore({ to: image, delta: true });
    expect(await hashOf(image)).toBe(hash);
  });

  it('needs a target', async () => {
    const { restore } = await bench();
    await expect(restore({ delta: true })).rejects.toMatchObject({ code: 'TARGET_MISSING' });
  });
});

describe('restore checks before it writes', () => {
  const missing: [string, Partial<RestoreRequest>, string][] = [
    ['a folder that is not there', { to: '/nowhere/at/all' }, 'TARGET_MISSING'],
    ['a directory', { to: '.', force: true }, 'TARGET_UNSUITABLE'],
    ['a character device', { to: '/dev/null', force: true }, 'TARGET_UNSUITABLE'],
    ['a point that is not there', { point: 'abcdef' }, 'POINT_NOT_FOUND'],
  ];
  it.each(missing)('refuses %s', async (_, request, code) => {
    const { folder, restore } = await bench();
    await expect(restore(request)).rejects.toMatchObject({ code });
    expect(await readdir(folder)).toEqual(['disk.img']);
  });

  it('misses what it needs while the target is still untouched', async () => {
    for (const damage of ['pack', 'cut', 'loc', 'page']) {
      const { repo, folder, target, restore } = await bench();
      const [pack] = [...(await listPacks(repo)).keys()];
      const { point } = await restore({ dryRun: true });
      const [packPath, loc] = [packName(pack ?? ''), columnName(point, 'loc')].map((name) =>
        repo.store.localPath(name),
      );
      if (damage === 'pack') await rm(packPath ?? '');
      if (damage === 'cut') await truncate(packPath ?? '', 1000);
      if (damage === 'loc') await rm(loc ?? '');
      if (damage === 'page') await writeFile(loc ?? '', Buffer.alloc((await stat(loc ?? '')).size));
      await writeFile(target, 'mine');
      for (const way of [{ force: true }, { delta: true }])
        await expect(restore(way)).rejects.toMatchObject({ exitCode: 13 });
      expect(await readFile(target, 'utf8')).toBe('mine');
      expect(await readdir(folder)).toEqual(['disk.img', 'target']);
    }
  });

  it('takes what lies in a pack of which only the end is damaged', async () => {
    const { repo, target, hash, restore } = await bench();
    const [pack] = [...(await listPacks(repo)).values()];
    const file = await open(pack?.path ?? '', 'r+');
    await file.write('x', (pack?.bytes ?? 0) - 1);
    await file.close();
    await restore();
    expect(await hashOf(target)).toBe(hash);
  });

  it('reads without the digests, which only a delta needs', async () => {
    const { repo, image, target, hash, restore } = await bench();
    const { point } = await restore({ dryRun: true });
    await repo.store.remove(columnName(point, 'dig'));
    await restore();
    expect(await hashOf(target)).toBe(hash);
    await expect(restore({ to: image, delta: true })).rejects.toMatchObject({ code: 'MAP_MISSING' });
  });
});

describe.skipIf(!hasLoop)('restore to a block device', () => {
  async function device(folder: string, size: number): Promise<{ path: string; file: string }> {
    const file = join(folder, 'device.img');
    await writeImage(file, 'r'.repeat(Math.ceil(size / block)));
    await truncate(file, size);
    return { path: attach(file), file };
  }

  it('overwrites all of it with force, and refuses without', async () => {
    const { folder, hash, restore } = await bench();
    const { path, file } = await device(folder, 8 * block - 512);
    const before = await hashOf(file);
    await expect(restore({ to: path })).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
    expect(await hashOf(file)).toBe(before);
    await restore({ to: path, force: true });
    expect(await hashOf(path)).toBe(hash);
  });

  it('writes only what differs of one that is larger', async () => {
    const { folder, image, restore } = await bench('rzrr', 0);
    const { path } = await device(folder, 6 * block);
    await restore({ to: path, delta: true });
    const whole = await readFile(path);
    expect(whole.subarray(0, 4 * block).equals(await readFile(image))).toBe(true);
    expect(await restore({ to: path, delta: true })).toMatchObject({ bytesWritten: 0, bytesSkipped: 4 * block });
    expect((await readFile(path)).equals(whole)).toBe(true);
  });

  it('refuses one that is too small, before it writes', async () => {
    const { folder, restore } = await bench();
    const { path, file } = await device(folder, 8 * block - 1024);
    const before = await hashOf(file);
    await expect(restore({ to: path, force: true })).rejects.toMatchObject({
      code: 'TARGET_TOO_SMALL',
      params: { available: 8 * block - 1024, needed: 8 * block - 512 },
    });
    expect(await hashOf(file)).toBe(before);
  });

  it('never overwrites one that is mounted', async () => {
    const { folder, restore } = await bench();
    const { path } = await device(folder, 16 * 1024 * 1024);
    const place = join(folder, 'mounted');
    await mkdir(place);
    mount(path, place);
    for (const way of [{ force: true }, { delta: true }, { force: true, dryRun: true }]) {
      await expect(restore({ to: path, ...way })).rejects.toMatchObject({
        code: 'TARGET_MOUNTED',
        params: { where: place },
      });
    }
  });
});
