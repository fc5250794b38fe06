import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BackupRequest, type BackupResult, backup } from '../../../../src/backup/backup.ts';
import { native } from '../../../../src/native.ts';
import type { Repository } from '../../../../src/repository/repository.ts';
import { restore } from '../../../../src/restore/restore.ts';
import { type Random, randomFrom } from '../../../model/random.ts';
import { hasLoop, mountNew } from '../../loop.ts';
import { quiet, scratchMemory, scratchRepository } from '../../scratch.ts';

const mib = 1024 ** 2;
const block = 65536;

describe.skipIf(!hasLoop)('the reflink tracker (needs root and loop devices)', () => {
  it('has only what changed read', async () => {
    const { repo, image, folder } = await stage('xfs', 16);
    const first = await backUp(repo, image);
    expect(first.tracking).toMatchObject({ since: null, reason: 'there is no point to compare with' });
    await write(image, 5 * mib, randomBytes(mib));
    const second = await backUp(repo, image);
    expect(second).toMatchObject({
      kind: 'incremental',
      tracker: 'reflink',
      tracking: { since: first.point, reason: null },
      warnings: [],
    });
    expect(second.blocks.changed).toBe(mib / block);
    const audited = (second.tracking?.auditedBlocks ?? 0) * block;
    expect(second.bytesRead).toBe(mib + audited);
    expect(second.skipped.unchanged).toBe(15 * mib - audited);
    await expectContent(repo, second, image);
    // One file is kept, the newest.
    expect(await keptIn(folder)).toEqual([second.tracking?.kept?.path]);
    const off = await backUp(repo, image, { tracker: 'off' });
    expect(off).toMatchObject({ tracker: 'off', tracking: null, bytesRead: 16 * mib });
    expect(await keptIn(folder)).toEqual([]);
  });

  it.each(['xfs', 'btrfs', 'btrfs -o compress-force=zstd'])(
    'misses nothing that is done to a file: %s',
    async (kind) => {
      const [type = '', ...options] = kind.split(' ');
      const { repo, image, folder } = await stage(type as 'xfs', 6);
      if (options.length > 0) execFileSync('mount', ['-o', `remount,${options[1]}`, folder]);
      const random = randomFrom(11);
      await backUp(repo, image);
      for (let round = 0; round < 5; round++) {
        for (let act = 0; act < 4; act++) await disturb(image, random);
        const result = await backUp(repo, image);
        expect(result).toMatchObject({ tracker: 'reflink', warnings: [] });
        await expectContent(repo, result, image);
      }
    },
  );

  it.each<[string, (kept: string, image: string) => Promise<void>, string]>([
    ['is gone', (kept) => rm(kept), 'cannot be read'],
    ['was written to', (kept) => write(kept, 4096, Buffer.from('x')), 'was changed'],
    ['was touched', (kept) => utimes(kept, 1, 1), 'was changed'],
    [
      'was replaced',
      async (kept, image) => {
        execFileSync('cp', ['--reflink=always', image, `${kept}.new`]);
        await rename(`${kept}.new`, kept);
      },
      'was changed',
    ],
  ])('says why all is compared when the file that was kept %s', async (_, spoil, reason) => {
    const { repo, image } = await stage('xfs', 4);
    const first = await backUp(repo, image);
    await spoil(first.tracking?.kept?.path ?? '', image);
    await write(image, mib, randomBytes(mib));
    const second = await backUp(repo, image);
    expect(second).toMatchObject({ tracker: 'off', bytesRead: 4 * mib, warnings: [] });
    expect(second.tracking).toMatchObject({ since: null, reason: expect.stringContaining(reason) });
    await expectContent(repo, second, image);
    expect(await backUp(repo, image)).toMatchObject({ tracker: 'reflink', tracking: { since: second.point } });
  });

  it('compares with the parent, and with no other point', async () => {
    const { repo, image } = await stage('xfs', 4);
    await backUp(repo, image);
    await write(image, mib, randomBytes(mib));
    await backUp(repo, image, { snapshot: 'off' });
    const third = await backUp(repo, image);
    expect(third.tracking).toMatchObject({ since: null, reason: 'no file was kept with the parent' });
  });

  it('does not take another file in the place of the image for it', async () => {
    const { repo, image } = await stage('xfs', 4);
    await backUp(repo, image);
    await writeFile(`${image}.new`, randomBytes(4 * mib));
    await rename(`${image}.new`, image);
    const second = await backUp(repo, image);
    expect(second).toMatchObject({ tracker: 'reflink', skipped: { unchanged: 0 } });
    await expectContent(repo, second, image);
  });

  it('is switched off when an audit proves it wrong, the point is right, and by name it is trusted again', async () => {
    const { repo, image, device } = await stage('xfs', 4);
    const first = await backUp(repo, image);
    // The device changes beneath the file system, which no tracker of files can see.
    const file = await open(image);
    const [, physical = 0] = await native.fileExtents(file.fd);
    await file.close();
    await write(device, physical, randomBytes(4 * mib));
    const second = await backUp(repo, image);
    expect(second).toMatchObject({ tracker: 'off', kind: 'incremental', parent: first.point });
    expect(second.warnings.map(({ code }) => code)).toEqual(['TRACKER_DISTRUSTED']);
    expect(second.tracking?.distrusted).toMatchObject({ tracker: 'reflink' });
    execFileSync('sh', ['-c', 'echo 1 > /proc/sys/vm/drop_caches']);
    await expectContent(repo, second, image);
    for (const full of [false, true]) {
      const next = await backUp(repo, image, { full });
      expect(next).toMatchObject({ tracker: 'off', warnings: [{ code: 'TRACKER_DISTRUSTED' }] });
      expect(next.tracking).not.toHaveProperty('kept');
    }
    expect(await backUp(repo, image, { tracker: 'reflink' })).toMatchObject({ tracker: 'off', warnings: [] });
    expect(await backUp(repo, image)).toMatchObject({ tracker: 'reflink', warnings: [] });
  });

  it('asked for by name where it cannot be had is a warning', async () => {
    const { repo, image } = await stage('ext4', 4);
    const result = await backUp(repo, image, { tracker: 'reflink' });
    expect(result).toMatchObject({ tracker: 'off', warnings: [{ code: 'NOT_TRACKED' }] });
    expect((await backUp(repo, image)).tracking).toBeNull();
  });
});

async function stage(type: 'xfs' | 'btrfs' | 'ext4', size: number) {
  const [repo, { folder, device }] = [await scratchRepository(), await mountNew(type)];
  const image = join(folder, 'disk.img');
  await writeFile(image, randomBytes(size * mib));
  return { repo, image, folder, device };
}

/** Something that may happen to an image file. */
async function disturb(image: string, random: Random): Promise<void> {
  const { size } = await stat(image);
  const at = random.below(size);
  const length = 1 + random.below(300_000);
  const tool = (...words: string[]) => execFileSync('fallocate', [...words, '-o', `${at}`, '-l', `${length}`, image]);
  const acts: (() => unknown)[] = [
    () => write(image, at, randomBytes(length)),
    () => write(image, at, Buffer.alloc(length)),
    () => tool('--punch-hole'),
    () => tool('--keep-size'),
    () => tool('--zero-range'),
    () => execFileSync('truncate', ['-s', `${at + 1}`, image]),
    () => execFileSync('truncate', ['-s', `+${length * 3}`, image]),
    () => execFileSync('sh', ['-c', `cp --reflink=never ${image} ${image}.copy && mv ${image}.copy ${image}`]),
  ];
  await random.one(acts)?.();
}

async function write(path: string, at: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(bytes, 0, bytes.length, at);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function keptIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('.')).map((name) => join(folder, name));
}

function backUp(repo: Repository, source: string, request: Partial<BackupRequest> = {}): Promise<BackupResult> {
  const beside = repo.store.folder;
  const order = {
    source,
    machine: 'm',
    disk: 'd',
    cacheFolder: `${beside}.cache`,
    snapshotRecords: `${beside}.records`,
  };
  return backup(repo, { ...order, ...request }, () => undefined, quiet());
}

async function expectContent(repo: Repository, { point }: BackupResult, image: string): Promise<void> {
  const to = join(await scratchMemory(), 'content');
  await restore(repo, { point: point ?? '', to }, () => undefined, quiet());
  expect((await readFile(to)).equals(await readFile(image))).toBe(true);
}
