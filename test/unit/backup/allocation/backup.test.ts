import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { extAllocation } from '../../../../src/backup/allocation/ext/ext.ts';
import { bytesIn, complement } from '../../../../src/backup/allocation/extents.ts';
import { type BackupRequest, type BackupResult, backup } from '../../../../src/backup/backup.ts';
import { readManifest } from '../../../../src/repository/points.ts';
import type { Repository } from '../../../../src/repository/repository.ts';
import { restore } from '../../../../src/restore/restore.ts';
import { randomFrom } from '../../../model/random.ts';
import { hashOf } from '../../images.ts';
import { attach, hasLoop, mount } from '../../loop.ts';
import { quiet, scratchFolder, scratchMemory, scratchRepository } from '../../scratch.ts';
import { liveIn, makeExtImage, sameFiles } from './ext-images.ts';
import { withImage } from './volumes.ts';

const mib = 1024 ** 2;
const zeroSector = Buffer.alloc(512);

describe.skipIf(!hasLoop)('a backup of what file systems use (needs root and loop devices)', () => {
  it.each(['-t ext3 -b 1024', '-t ext4 -O bigalloc -C 16384'])(
    'restores to a sound file system with all its files: %s',
    async (kind) => {
      const folder = await scratchMemory();
      const [repo, image] = [await scratchRepository(), join(folder, 'disk.img')];
      // What was on the disk before must neither be read nor come back.
      await fill(image, 32 * mib);
      await makeExtImage(image, kind, 32, 10);
      const results: BackupResult[] = [];
      for (const seed of [2, 3]) {
        const result = await backUp(repo, image);
        results.push(result);
        const restored = join(folder, `restored-${seed}`);
        await restore(repo, { point: result.point ?? '', to: restored }, () => undefined, quiet());
        await expectSameUse(image, restored, result);
        await liveIn(image, 6, 32, randomFrom(seed));
      }
      expect(results[0]?.skipped.unallocated).toBeGreaterThan(4 * mib);
      expect(results[0]?.bytesRead).toBeLessThan(28 * mib);
      expect(results[1]).toMatchObject({ kind: 'incremental', warnings: [] });
    },
  );

  it('makes blocks that came free zero, and reads those again that are used again', async () => {
    const folder = await scratchMemory();
    const [repo, image, mountPoint] = [await scratchRepository(), join(folder, 'disk.img'), join(folder, 'mount')];
    await mkdir(mountPoint);
    await makeExtImage(image, '-t ext4', 48, 0);
    const inside = (script: string) =>
      execFileSync('sh', ['-ec', `mount -o loop ${image} ${mountPoint}; ${script}; umount ${mountPoint}`]);
    inside(`head -c 8M /dev/urandom > ${mountPoint}/a`);
    const first = await backUp(repo, image);
    inside(`rm ${mountPoint}/a`);
    const second = await backUp(repo, image);
    expect(second.skipped.unallocated - first.skipped.unallocated).toBeGreaterThan(7 * mib);
    expect(second.blocks.zero).toBeGreaterThan(100);
    inside(`head -c 20M /dev/urandom > ${mountPoint}/b`);
    const third = await backUp(repo, image);
    const restored = join(folder, 'restored');
    await restore(repo, { point: third.point ?? '', to: restored }, () => undefined, quiet());
    await expectSameUse(image, restored, third);
  });

  it('reads all where it is told to, and then the point is the source bit for bit', async () => {
    const folder = await scratchMemory();
    const [repo, image] = [await scratchRepository(), join(folder, 'disk.img')];
    await fill(image, 24 * mib);
    await makeExtImage(image, '-t ext4', 24, 4);
    expect((await backUp(repo, image)).skipped.unallocated).toBeGreaterThan(mib);
    const all = await backUp(repo, image, { allocation: 'off' });
    expect(all).toMatchObject({ kind: 'incremental', skipped: { unallocated: 0 }, allocation: null });
    const restored = join(folder, 'restored');
    await restore(repo, { point: all.point ?? '', to: restored }, () => undefined, quiet());
    expect(await hashOf(restored)).toBe(await hashOf(image));
  });

  it('reads all of what is mounted writable, and says why when maps are required', async () => {
    const folder = await scratchMemory();
    const [repo, image, mountPoint] = [await scratchRepository(), join(folder, 'disk.img'), join(folder, 'mount')];
    await writeFile(image, '');
    await truncate(image, 16 * mib);
    const device = attach(image);
    await mkdir(mountPoint);
    mount(device, mountPoint);
    const request = { source: device, disk: 'loop' };
    const auto = await backUp(repo, image, request);
    expect(auto).toMatchObject({ skipped: { unallocated: 0 }, warnings: [{ code: 'LIVE_SOURCE' }] });
    const { allocation, skipped } = await readManifest(repo, auto.point ?? '');
    expect(allocation).toMatchObject([{ used: null, reason: `it is mounted writable at ${mountPoint}` }]);
    expect(skipped).toBeUndefined();
    const required = await backUp(repo, image, { ...request, allocation: 'required' });
    expect(required.warnings.map(({ code }) => code)).toEqual(['LIVE_SOURCE', 'NOT_MAPPED']);
  });

  it('reads the maps of a device past the cache', async () => {
    const folder = await scratchMemory();
    const [repo, image] = [await scratchRepository(), join(folder, 'disk.img')];
    await makeExtImage(image, '-t ext4 -b 1024', 24, 6);
    const result = await backUp(repo, image, { source: attach(image), disk: 'loop' });
    const found = await withImage(image, extAllocation);
    expect(result.allocation).toMatchObject([
      { fileSystem: 'ext4', used: 'used' in (found ?? {}) ? expect.any(Number) : null },
    ]);
    expect(result.skipped.unallocated).toBeGreaterThan(10 * mib);
  });
});

it('does not ask a stream, and refuses when it must', async () => {
  const repo = await scratchRepository();
  const pipe = join(await scratchFolder(), 'pipe');
  execFileSync('mkfifo', [pipe]);
  await expect(backUp(repo, pipe, { allocation: 'required' })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  await expect(backUp(repo, pipe, { allocation: 'some' as 'off' })).rejects.toMatchObject({ code: 'USAGE' });
});

function backUp(repo: Repository, image: string, request: Partial<BackupRequest> = {}): Promise<BackupResult> {
  const order = { source: image, machine: 'm', disk: 'd', cacheFolder: `${image}.cache`, ...request };
  return backup(repo, order, () => undefined, quiet());
}

/** What file systems use is the same; the rest is zero, or as it was where a block is used in part. */
async function expectSameUse(image: string, restored: string, { allocation, skipped }: BackupResult): Promise<void> {
  const found = await withImage(image, extAllocation);
  if (found === null || !('used' in found)) throw new Error(`no map: ${JSON.stringify(found)}`);
  expect(allocation).toMatchObject([{ partition: null, fileSystem: found.fileSystem, used: bytesIn(found.used) }]);
  const [before, after] = [await readFile(image), await readFile(restored)];
  for (const [offset, length] of found.used) {
    expect(after.subarray(offset, offset + length).equals(before.subarray(offset, offset + length))).toBe(true);
  }
  let zeros = 0;
  for (const [offset, length] of complement(found.used, before.length)) {
    const [was, is] = [before.subarray(offset, offset + length), after.subarray(offset, offset + length)];
    for (let at = 0; at < length; at += 512) {
      const sector = is.subarray(at, at + 512);
      if (sector.equals(was.subarray(at, at + 512))) continue;
      expect(sector.equals(zeroSector)).toBe(true);
      zeros += sector.length;
    }
  }
  expect(zeros).toBeLessThanOrEqual(skipped.unallocated);
  execFileSync('e2fsck', ['-fn', restored], { stdio: 'pipe' });
  sameFiles(image, restored);
}

/** What does not compress, and is nowhere else. */
function fill(path: string, size: number): Promise<void> {
  return writeFile(path, randomBytes(size));
}
