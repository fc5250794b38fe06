import { open, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backup } from '../../../src/backup/backup.ts';
import { columnName } from '../../../src/repository/manifest.ts';
import { listPacks } from '../../../src/repository/packs.ts';
import { readPoint } from '../../../src/repository/points.ts';
import { requireReadable } from '../../../src/repository/preflight.ts';
import { writeImage } from '../images.ts';
import { quiet, scratchFolder, scratchRepository } from '../scratch.ts';

async function bench() {
  const repo = await scratchRepository();
  const folder = await scratchFolder();
  const source = join(folder, 'disk.img');
  await writeImage(source, 'rz.rt..r');
  const cacheFolder = await scratchFolder();
  const { point: id } = await backup(repo, { source, machine: 'm', disk: 'd', cacheFolder }, () => undefined, quiet());
  const { manifest } = await readPoint(repo, id ?? '');
  const [pack] = (await listPacks(repo)).values();
  const column = (name: 'loc' | 'dig') => repo.store.localPath(columnName(manifest.id, name));
  const require = (compare = false, signal = quiet()) => requireReadable(repo, manifest, compare, signal);
  return { pack: { path: pack?.path ?? '', bytes: pack?.bytes ?? 0 }, column, require };
}

describe('what a point needs', () => {
  it('is all there', async () => {
    const { require } = await bench();
    for (const compare of [true, false]) {
      const { chain, statistics } = await require(compare);
      expect(chain.layers).toHaveLength(1);
      expect(statistics).toMatchObject({ dataBlocks: 4, packs: [expect.any(String)] });
    }
  });

  it('is missed', async () => {
    const damages: [string, (it: Awaited<ReturnType<typeof bench>>) => Promise<void>][] = [
      ['PACK_MISSING', ({ pack }) => rm(pack.path)],
      ['PACK_READ', ({ pack }) => truncate(pack.path, 1000)],
      ['MAP_MISSING', ({ column }) => rm(column('loc'))],
      ['MAP_DAMAGED', async ({ column }) => writeFile(column('loc'), Buffer.alloc((await stat(column('loc'))).size))],
    ];
    for (const [code, damage] of damages) {
      const made = await bench();
      await damage(made);
      await expect(made.require()).rejects.toMatchObject({ code, exitCode: 13 });
    }
  });

  it('may lie in a pack of which only the end is damaged', async () => {
    const { pack, require } = await bench();
    const file = await open(pack.path, 'r+');
    await file.write('x', pack.bytes - 1);
    await file.close();
    await require();
    await expect(require(false, AbortSignal.abort())).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it('are the digests only where a target is compared', async () => {
    const { column, require } = await bench();
    await rm(column('dig'));
    await require();
    await expect(require(true)).rejects.toMatchObject({ code: 'MAP_MISSING' });
  });
});
