import { execFileSync } from 'node:child_process';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backup } from '../../../src/backup/backup.ts';
import { verify } from '../../../src/backup/verify.ts';
import type { StrataEvent } from '../../../src/repository/events.ts';
import { forgetPoints } from '../../../src/repository/forget.ts';
import { listPoints } from '../../../src/repository/points.ts';
import { Repository } from '../../../src/repository/repository.ts';
import { restore } from '../../../src/restore/restore.ts';
import { changeBlocks, hashOf, writeImage } from '../images.ts';
import { attach, hasLoop, mount } from '../loop.ts';
import { quiet, scratchFolder } from '../scratch.ts';

/** A repository on a file system of its own of 16 MiB, with one point of a source beside it. */
async function bench() {
  const folder = await scratchFolder();
  const [disk, place, image] = [join(folder, 'disk.img'), join(folder, 'mounted'), join(folder, 'source.img')];
  await writeFile(disk, '');
  await truncate(disk, 16 * 1024 * 1024);
  await mkdir(place);
  mount(attach(disk), place);
  const repo = await Repository.create(join(place, 'repo'), { blockSize: 65536, encryption: false });
  await writeImage(image, 'r'.repeat(16));
  const request = { source: image, machine: 'web1', disk: 'sda', cacheFolder: join(folder, 'cache') };
  const backUp = () => backup(repo, request, () => undefined, quiet());
  const restored = async (point: string) => {
    const to = join(folder, 'out.img');
    await restore(repo, { point, to, force: true }, () => undefined, quiet());
    return hashOf(to);
  };
  await backUp();
  const remount = (way: 'ro' | 'rw') => execFileSync('mount', ['-o', `remount,${way}`, place]);
  return { repo, folder, image, place, backUp, restored, remount, hash: await hashOf(image) };
}

describe.skipIf(!hasLoop)('on a disk that is full', () => {
  it('a backup fails cleanly, leaves older points whole, and passes when there is space again', async () => {
    const { repo, image, place, backUp, restored, hash } = await bench();
    const filler = join(place, 'filler');
    await writeFile(filler, Buffer.alloc(9 * 1024 * 1024, 'x'));
    await writeImage(image, 'r'.repeat(160));
    await expect(backUp()).rejects.toMatchObject({ code: 'NO_SPACE', exitCode: 1 });
    const { points } = await listPoints(repo);
    expect(points).toHaveLength(1);
    expect(await restored(points[0]?.id ?? '')).toBe(hash);
    expect(await repo.store.spools()).toEqual([]);
    execFileSync('rm', [filler]);
    await writeImage(image, 'r'.repeat(32));
    const { point } = await backUp();
    expect(await restored(point ?? '')).toBe(await hashOf(image));
  });

  it('a restore says so before it writes', async () => {
    const { repo, place, restored, hash } = await bench();
    const [point] = (await listPoints(repo)).points;
    await writeFile(join(place, 'filler'), Buffer.alloc(12 * 1024 * 1024, 'x'));
    const to = join(place, 'out.img');
    await expect(restore(repo, { point: point?.id ?? '', to }, () => undefined, quiet())).rejects.toMatchObject({
      code: 'NO_SPACE',
    });
    expect(await restored(point?.id ?? '')).toBe(hash);
  });
});

describe.skipIf(!hasLoop)('on a read-only file system', () => {
  it('points are listed, verified and restored, and nothing else', async () => {
    const { repo, image, backUp, restored, remount, hash } = await bench();
    remount('ro');
    try {
      const [point] = (await listPoints(repo)).points;
      const events: StrataEvent[] = [];
      const all = { specs: [], all: true, samplePercent: 100 };
      expect(await verify(repo, all, (event) => events.push(event), quiet())).toMatchObject({
        damaged: 0,
        blocksChecked: 16,
      });
      expect(events).toContainEqual(expect.objectContaining({ event: 'warning', code: 'MARK_NOT_WRITTEN' }));
      expect(await restored(point?.id ?? '')).toBe(hash);
      await changeBlocks(image, 1);
      await expect(backUp()).rejects.toMatchObject({ code: 'READ_ONLY', exitCode: 1 });
      await expect(forgetPoints(repo, [point?.id ?? ''])).rejects.toMatchObject({ code: 'READ_ONLY' });
      const location = join(repo.location, '..', 'new');
      await expect(Repository.create(location, { blockSize: 65536, encryption: false })).rejects.toMatchObject({
        code: 'READ_ONLY',
      });
    } finally {
      remount('rw');
    }
  });
});
