import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultDiskName, inspectSource } from '../../../src/backup/source.ts';
import { Repository } from '../../../src/repository/repository.ts';
import { restore } from '../../../src/restore/restore.ts';
import { attach, hasLoop, mount } from '../loop.ts';
import { putManifests, sampleManifest } from '../repository/manifests.ts';
import { quiet, scratchFolder, scratchRepository } from '../scratch.ts';

describe('inspectSource', () => {
  it('knows a file, and standard input', async () => {
    const repo = await scratchRepository();
    const image = join(await scratchFolder(), 'disk.img');
    await writeFile(image, 'x'.repeat(1000));
    expect(await inspectSource(repo.store.folder, image)).toEqual({
      path: image,
      kind: 'file',
      input: image,
      size: 1000,
      mountedAt: [],
    });
    expect(await inspectSource(repo.store.folder, '-')).toMatchObject({
      path: '-',
      kind: 'stream',
      input: { fd: 0 },
      size: null,
    });
  });

  it('gives a disk the name of its source', () => {
    expect(['/dev/sda', 'images/web.img', '/srv/disk/', '-'].map(defaultDiskName)).toEqual([
      'sda',
      'web.img',
      'disk',
      'stdin',
    ]);
  });
});

describe.skipIf(!hasLoop)('a repository on the disk itself', () => {
  it('is neither backed up with it nor overwritten', async () => {
    const folder = await scratchFolder();
    const [image, place] = [join(folder, 'disk.img'), join(folder, 'mounted')];
    await writeFile(image, '');
    await truncate(image, 32 * 1024 * 1024);
    await mkdir(place);
    const device = attach(image);
    mount(device, place);
    const repo = await Repository.create(join(place, 'repo'), { blockSize: 65536, encryption: false });
    const manifest = sampleManifest();
    await putManifests(repo, manifest);
    for (const path of [device, image]) {
      await expect(inspectSource(repo.store.folder, path)).rejects.toMatchObject({ code: 'REPOSITORY_IN_SOURCE' });
      const overwriting = restore(repo, { point: manifest.id, to: path, force: true }, () => undefined, quiet());
      await expect(overwriting).rejects.toMatchObject({ code: 'REPOSITORY_IN_TARGET' });
    }
  });
});
