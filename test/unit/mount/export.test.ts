import { open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backup } from '../../../src/backup/backup.ts';
import { type ExportRequest, exportImage } from '../../../src/mount/export.ts';
import { type FormatName, formats } from '../../../src/mount/formats/formats.ts';
import { OpenPoints } from '../../../src/mount/open-points.ts';
import { native } from '../../../src/native.ts';
import type { StrataEvent } from '../../../src/repository/events.ts';
import { columnName } from '../../../src/repository/manifest.ts';
import { listPacks } from '../../../src/repository/packs.ts';
import { readPoint } from '../../../src/repository/points.ts';
import { block, writeImage } from '../images.ts';
import { quiet, scratchFolder, scratchRepository } from '../scratch.ts';
import { noQemu, qemuCheck, qemuCompare, qemuSize, warnOfMissing } from './formats/tools.ts';

warnOfMissing('export.test.ts', noQemu);

const names = Object.keys(formats) as FormatName[];
const gib = 2 ** 30;

async function bench(shape = 'rz.rt..r', tail = 512) {
  const repo = await scratchRepository();
  const folder = await scratchFolder();
  const image = join(await scratchFolder(), 'disk.img');
  await writeImage(image, shape, tail);
  const cacheFolder = await scratchFolder();
  const backUp = async () =>
    (await backup(repo, { source: image, machine: 'web1', disk: 'sda', cacheFolder }, () => undefined, quiet()))
      .point ?? '';
  const point = await backUp();
  const target = join(folder, 'image');
  const events: StrataEvent[] = [];
  const start = (request: Partial<ExportRequest> = {}, signal = quiet()) =>
    exportImage(repo, { point, to: target, format: 'qcow2', ...request }, (event) => events.push(event), signal);
  return { repo, folder, image, target, point, events, backUp, export: start };
}

const bytesOnDisk = async (path: string) => (await stat(path)).blocks * 512;

/** The name by which qemu knows a format. */
const driver = (format: FormatName) => (format === 'vhd' ? 'vpc' : format);

describe('an export', () => {
  it.each(names.filter((name) => name !== 'vmdk'))('as %s has the bytes that a mount shows', async (format) => {
    const made = await bench();
    const points = await OpenPoints.create(made.repo);
    const point = await readPoint(made.repo, made.point);
    const content = await points.image({ point, kind: 'format', format });
    const shown = await native.readAt(content, { offset: 0, length: native.contentSize(content) });
    for (const sparse of [true, false]) {
      const to = join(made.folder, `image-${sparse}`);
      const result = await made.export({ to, format, sparse });
      expect(result).toMatchObject({ point: made.point, to, dryRun: false, size: 8 * block - 512, bytesSkipped: 0 });
      expect((await readFile(to)).equals(shown), format).toBe(true);
      expect((await stat(to)).mode & 0o777).toBe(0o600);
      if (!sparse) expect(result.bytesWritten).toBe(shown.length);
      if (!sparse) expect(await bytesOnDisk(to)).toBeGreaterThanOrEqual(shown.length);
    }
    const sparse = await bytesOnDisk(join(made.folder, 'image-true'));
    expect(sparse).toBeLessThan(Math.min(shown.length, 7 * block) + 64 * 1024);
    expect(await readdir(made.folder)).toEqual(['image-false', 'image-true']);
  });

  it.skipIf(noQemu).each(names.flatMap((name) => [0, 512, 700].map((tail) => [name, tail] as const)))(
    'as %s of a disk without its last %i bytes is that disk to qemu',
    async (format, tail) => {
      const made = await bench('rz.rt..r', tail);
      for (const sparse of [true, false]) {
        const to = join(made.folder, `image-${sparse}.${format}`);
        await made.export({ to, format, sparse });
        await qemuCompare(driver(format), to, made.image);
        if (format !== 'raw')
          expect(await qemuSize(driver(format), to)).toBe(Math.ceil((8 * block - tail) / 512) * 512);
        if (format === 'qcow2') expect(await qemuCheck(format, to)).toMatchObject({ 'check-errors': 0 });
      }
    },
  );

  it('tells how far it is', async () => {
    const { events, target, point, export: start } = await bench();
    await start({ format: 'vhd' });
    expect(events.filter(({ event }) => event !== 'progress')).toEqual([
      { event: 'stage', stage: 'check' },
      {
        event: 'started',
        action: 'restore',
        subject: target,
        machine: 'web1',
        disk: 'sda',
        point,
        size: 8 * block,
      },
      { event: 'stage', stage: 'write' },
    ]);
    expect(events.at(-1)).toEqual({
      event: 'progress',
      position: 8 * block,
      total: 8 * block,
      bytesWritten: 4 * block,
    });
  });

  it('replaces a file with force by a whole new one, and else refuses', async () => {
    const { folder, target, image, export: start } = await bench();
    await writeFile(target, 'mine', { mode: 0o640 });
    await expect(start({ format: 'raw' })).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
    expect(await readFile(target, 'utf8')).toBe('mine');
    await start({ format: 'raw', force: true });
    expect((await readFile(target)).equals(await readFile(image))).toBe(true);
    expect((await stat(target)).mode & 0o777).toBe(0o640);
    expect(await readdir(folder)).toEqual(['image']);
  });

  it('writes nothing on a dry run', async () => {
    const { folder, events, export: start } = await bench();
    for (const format of names)
      expect(await start({ format, dryRun: true })).toMatchObject({ dryRun: true, bytesWritten: 0, bytesSkipped: 0 });
    expect(await readdir(folder)).toEqual([]);
    expect(events.map(({ event }) => event)).not.toContain('started');
  });

  it('of an older point is that point', async () => {
    const { folder, image, point, backUp, export: start } = await bench();
    const before = await readFile(image);
    await writeImage(image, '.rrz', 0);
    const newer = await backUp();
    await start({ point: newer, to: join(folder, 'newer'), format: 'raw' });
    expect((await readFile(join(folder, 'newer'))).equals(await readFile(image))).toBe(true);
    await start({ point, to: join(folder, 'older'), format: 'raw' });
    expect((await readFile(join(folder, 'older'))).equals(before)).toBe(true);
  });
});

describe('an export that cannot be', () => {
  it('of a disk that is too large for its format is refused', async () => {
    const made = await bench();
    await truncate(made.image, 2041 * gib);
    const point = await made.backUp();
    await expect(made.export({ point, format: 'vhd' })).rejects.toMatchObject({
      code: 'FORMAT_UNSUITABLE',
      exitCode: 2,
      message: `there is no vhd image of point ${point}: it has more than 2040 GiB`,
    });
    expect(await readdir(made.folder)).toEqual([]);
    expect(await made.export({ point, format: 'vhdx' })).toMatchObject({ size: 2041 * gib });
  });

  it('wants room for its data, or for all of it when it is not sparse', async () => {
    const made = await bench();
    await truncate(made.image, 2000 * gib);
    const point = await made.backUp();
    const thick = made.export({ point, format: 'vhd', sparse: false });
    await expect(thick).rejects.toMatchObject({ code: 'NO_SPACE', exitCode: 1 });
    expect(await readdir(made.folder)).toEqual([]);
    await made.export({ point, format: 'vhd' });
    expect(await bytesOnDisk(made.target)).toBeLessThan(8 * block);
  });

  it.each(['pack', 'cut', 'loc', 'page'])('misses a damaged %s before it touches the target', async (damage) => {
    const { repo, folder, target, point, export: start } = await bench();
    const [pack] = (await listPacks(repo)).values();
    const loc = repo.store.localPath(columnName(point, 'loc'));
    if (damage === 'pack') await rm(pack?.path ?? '');
    if (damage === 'cut') await truncate(pack?.path ?? '', 1000);
    if (damage === 'loc') await rm(loc);
    if (damage === 'page') await writeFile(loc, Buffer.alloc((await stat(loc)).size));
    await writeFile(target, 'mine');
    for (const dryRun of [true, false])
      await expect(start({ force: true, dryRun })).rejects.toMatchObject({ exitCode: 13 });
    expect(await readFile(target, 'utf8')).toBe('mine');
    expect(await readdir(folder)).toEqual(['image']);
  });

  it('leaves the old file when a block is damaged, and names the place in the image', async () => {
    const { repo, folder, target, export: start } = await bench();
    await writeFile(target, 'mine');
    const [pack] = (await listPacks(repo)).values();
    const file = await open(pack?.path ?? '', 'r+');
    await file.write(Buffer.alloc(2 * block, 'x'), 0, 2 * block, 200);
    await file.close();
    await expect(start({ format: 'raw', force: true })).rejects.toMatchObject({
      code: 'FRAME_DAMAGED',
      exitCode: 13,
      message: expect.stringContaining(`image range 0+${block}`),
    });
    expect(await readFile(target, 'utf8')).toBe('mine');
    expect(await readdir(folder)).toEqual(['image']);
  });

  it.each(names)('as %s leaves the old file when it is interrupted', async (format) => {
    const { folder, export: start } = await bench();
    const to = join(folder, 'image.vmdk');
    await writeFile(to, 'mine');
    const interrupted = start({ to, format, force: true }, AbortSignal.abort());
    await expect(interrupted).rejects.toMatchObject({ code: 'INTERRUPTED', exitCode: 130 });
    expect(await readFile(to, 'utf8')).toBe('mine');
    expect(await readdir(folder)).toEqual(['image.vmdk']);
  });
});
