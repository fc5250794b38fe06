/** Several disks in one run, while somebody writes to them in turn: their points show one instant, or say that they do not. */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backupDisks, type DisksOutcome, type DisksRequest } from '../../../../src/backup/disks.ts';
import { native } from '../../../../src/native.ts';
import { listPoints, readManifest } from '../../../../src/repository/points.ts';
import type { Repository } from '../../../../src/repository/repository.ts';
import { restore } from '../../../../src/restore/restore.ts';
import { attach, hasLoop, mount, mountNew } from '../../loop.ts';
import { quiet, scratchFolder, scratchRepository } from '../../scratch.ts';
import { rest } from './hammer.ts';
import { hammerBlock } from './hammer-places.ts';
import { expectOneInstantOfAll, numberIn, writeInTurn } from './turns.ts';

const mib = 1024 ** 2;

describe.skipIf(!hasLoop)('several disks (need root and loop devices)', () => {
  it('that are images with mounted file systems stand still for one instant', async () => {
    const [repo, { folder }] = [await scratchRepository(), await mountNew('xfs')];
    const images = ['a.img', 'b.img', 'c.img'].map((name) => join(folder, name));
    const mounts = await Promise.all(images.map(mountedImage));
    const files = mounts.map((at) => join(at, 'file'));
    for (const file of files) await writeFile(file, Buffer.alloc(hammerBlock));
    const writer = await writeInTurn(files);
    const outcome = await backUp(repo, images, { snapshot: 'required' });
    expect(outcome).toMatchObject({ oneInstant: true, warnings: [] });
    expectOneInstantOfAll(await Promise.all(outcome.disks.map((disk) => numberOnFileSystem(repo, disk))));
    await rest(writer);
    await expectGroup(repo, outcome, true);
    expect(new Set(outcome.disks.map((disk) => resultOf(disk).pointTime)).size).toBe(1);
    for (const at of mounts) await expect(native.thawFileSystem(at)).rejects.toMatchObject({ errno: 22 });
    expect((await readdir(folder)).filter((name) => name.includes('strata'))).toHaveLength(3); // kept for the tracker
    const records = await readdir(`${repo.store.folder}.snapshots`);
    expect(records).toHaveLength(3);
  });

  it('that are images in one Btrfs subvolume come out of one snapshot of it', async () => {
    const [repo, { folder }] = [await scratchRepository(), await mountNew('btrfs')];
    const images = ['a.img', 'b.img'].map((name) => join(folder, name));
    for (const image of images) await writeFile(image, Buffer.alloc(mib));
    const writer = await writeInTurn(images);
    const first = await backUp(repo, images, { snapshot: 'required' });
    expect(first).toMatchObject({ oneInstant: true, warnings: [] });
    expectOneInstantOfAll(await Promise.all(first.disks.map((disk) => numberOnDisk(repo, disk))));
    const second = await backUp(repo, images);
    expect(second.oneInstant).toBe(true);
    expectOneInstantOfAll(await Promise.all(second.disks.map((disk) => numberOnDisk(repo, disk))));
    for (const disk of second.disks) expect(resultOf(disk)).toMatchObject({ snapshot: 'reflink', tracker: 'reflink' });
    await rest(writer);
    // One file is kept of each, no snapshot of the subvolume.
    expect((await readdir(folder)).sort()).toEqual([
      expect.stringMatching(/^\.a\.img\.strata-/),
      expect.stringMatching(/^\.b\.img\.strata-/),
      'a.img',
      'b.img',
    ]);
    const byName = await backUp(repo, images, { snapshot: 'btrfs' });
    expect(byName).toMatchObject({ oneInstant: true, warnings: [] });
    expect(await readdir(folder)).toEqual(['a.img', 'b.img']);
  });

  it('that are devices stand still while they are read', async () => {
    const repo = await scratchRepository();
    const places = [await mountNew('ext4', 16), await mountNew('ext4', 16)];
    const files = places.map(({ folder }) => join(folder, 'file'));
    for (const file of files) await writeFile(file, Buffer.alloc(hammerBlock));
    const writer = await writeInTurn(files);
    const outcome = await backUp(
      repo,
      places.map(({ device }) => device),
      { snapshot: 'freeze' },
    );
    expect(outcome).toMatchObject({ oneInstant: true, warnings: [] });
    for (const disk of outcome.disks) expect(resultOf(disk).consistency).toBe('file-system');
    expectOneInstantOfAll(await Promise.all(outcome.disks.map((disk) => numberOnFileSystem(repo, disk))));
    await rest(writer);
  });

  it('that nothing can hold are told, or refused before anything is read', async () => {
    const [repo, { folder }] = [await scratchRepository(), await mountNew('xfs')];
    const images = ['a.img', 'b.img'].map((name) => join(folder, name));
    for (const image of images) await writeFile(image, image);
    const refused = { code: 'NOT_ONE_INSTANT', params: { reason: `${images[1]}: nobody can tell who writes to it` } };
    await expect(backUp(repo, images, { snapshot: 'required' })).rejects.toMatchObject(refused);
    await expect(backUp(repo, images, { snapshot: 'required', dryRun: true })).rejects.toMatchObject(refused);
    expect((await listPoints(repo)).points).toEqual([]);
    expect(await readdir(folder)).toEqual(['a.img', 'b.img']);
    const warning = { code: 'NOT_ONE_INSTANT', message: expect.stringContaining(images[1] ?? '') };
    expect(await backUp(repo, images, { dryRun: true })).toMatchObject({ group: null, oneInstant: false });
    const outcome = await backUp(repo, images);
    expect(outcome).toMatchObject({ oneInstant: false, warnings: [warning] });
    const manifests = await manifestsOf(repo, outcome);
    expect(manifests.map(({ group }) => group?.oneInstant)).toEqual([false, false]);
    for (const { warnings } of manifests) expect(warnings).toMatchObject([warning]);
    // Who brings to rest what writes to them, says so by a hook that ends well.
    const atRest = await backUp(repo, images, { snapshot: 'required', hooks: { freeze: 'true' } });
    expect(atRest).toMatchObject({ oneInstant: true, warnings: [] });
    const restless = await backUp(repo, images, { hooks: { freeze: 'false' } });
    expect(restless).toMatchObject({ oneInstant: false, warnings: [{ code: 'HOOK_FAILED' }, warning] });
    expect((await backUp(repo, images, { snapshot: 'off' })).warnings).toEqual([]);
  });

  it('do not stand in for each other: one that fails stops none', async () => {
    const [repo, { folder }] = [await scratchRepository(), await mountNew('btrfs')];
    const sources = ['a.img', 'missing.img', 'c.img'].map((name) => join(folder, name));
    for (const source of [sources[0], sources[2]]) await writeFile(source ?? '', source ?? '');
    const log = join(await scratchFolder(), 'hooks');
    const post = `echo "$STRATA_OUTCOME $STRATA_DISK" > ${log}`;
    const outcome = await backUp(repo, sources, { hooks: { post } });
    expect(outcome.disks).toMatchObject([
      { disk: 'a.img', result: { warnings: [] } },
      { disk: 'missing.img', error: { code: 'SOURCE_MISSING' } },
      { disk: 'c.img', result: { warnings: [] } },
    ]);
    expect(await readFile(log, 'utf8')).toBe('SOURCE_MISSING a.img\nc.img\n');
    await expectGroup(repo, outcome, true);
  });

  it('of one name are refused', async () => {
    const repo = await scratchRepository();
    const refused = { code: 'USAGE', message: expect.stringContaining('--disk') };
    await expect(backUp(repo, ['/a/disk.img', '/b/disk.img'])).rejects.toMatchObject(refused);
    await expect(backUp(repo, ['/a/disk.img', '-'])).rejects.toMatchObject({ code: 'USAGE' });
  });
});

type Disk = DisksOutcome['disks'][number];

function backUp(repo: Repository, sources: readonly string[], more: Partial<DisksRequest> = {}): Promise<DisksOutcome> {
  const beside = repo.store.folder;
  const common = { machine: 'm', cacheFolder: `${beside}.cache`, snapshotRecords: `${beside}.snapshots`, ...more };
  const request = { disks: sources.map((source) => ({ source })), ...common };
  const surroundings = { emit: () => undefined, signal: quiet(), stop: () => undefined };
  return backupDisks(repo, request, surroundings, () => undefined);
}

function resultOf(disk: Disk) {
  if ('error' in disk) throw disk.error;
  return disk.result;
}

async function manifestsOf(repo: Repository, { disks }: DisksOutcome) {
  const points = disks.flatMap((disk) => ('result' in disk ? [disk.result.point ?? ''] : []));
  return Promise.all(points.map((point) => readManifest(repo, point)));
}

/** Fails unless all points name the group. */
async function expectGroup(repo: Repository, outcome: DisksOutcome, oneInstant: boolean): Promise<void> {
  for (const { group } of await manifestsOf(repo, outcome)) expect(group).toEqual({ id: outcome.group, oneInstant });
}

/** An image with a file system that is mounted from it; gives where. */
async function mountedImage(image: string): Promise<string> {
  await writeFile(image, Buffer.alloc(8 * mib));
  const folder = join(await scratchFolder(), 'mnt');
  await mkdir(folder);
  mount(attach(image), folder);
  return folder;
}

async function numberOnDisk(repo: Repository, disk: Disk): Promise<number> {
  return numberIn(await readFile(await restored(repo, disk)));
}

/** The number in `file` on the file system of a disk; its journal is replayed first, as by the next mount. */
async function numberOnFileSystem(repo: Repository, disk: Disk): Promise<number> {
  const path = await restored(repo, disk);
  execFileSync('sh', ['-c', 'e2fsck -fy "$1"; [ $? -le 1 ]', 'sh', path], { stdio: 'pipe' });
  return numberIn(execFileSync('debugfs', ['-R', 'cat file', path], { stdio: ['ignore', 'pipe', 'ignore'] }));
}

async function restored(repo: Repository, disk: Disk): Promise<string> {
  const to = join(await scratchFolder(), 'content');
  await restore(repo, { point: resultOf(disk).point ?? '', to }, () => undefined, quiet());
  return to;
}
