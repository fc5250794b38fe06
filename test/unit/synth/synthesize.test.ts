import { execFileSync } from 'node:child_process';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { native } from '../../../src/native.ts';
import { chainOf } from '../../../src/repository/chain.ts';
import type { StrataEvent } from '../../../src/repository/events.ts';
import { Lease } from '../../../src/repository/lease.ts';
import { columnName, manifestName } from '../../../src/repository/manifest.ts';
import { listPacks, packName, runOfPack } from '../../../src/repository/packs.ts';
import { listPoints, readManifest } from '../../../src/repository/points.ts';
import { sealRecord } from '../../../src/repository/record.ts';
import { Repository } from '../../../src/repository/repository.ts';
import { type SynthesisRequest, type SynthesisResult, synthesize } from '../../../src/synth/synthesize.ts';
import { randomFrom } from '../../model/random.ts';
import { type ModelPoint, World } from '../../model/world.ts';
import { attach, hasLoop } from '../loop.ts';
import { idFrom } from '../repository/manifests.ts';
import { quiet, scratchFolder, scratchMemory, scratchRepository } from '../scratch.ts';

async function worldOf(count: number, passphrase?: string): Promise<World> {
  const world = new World(await scratchRepository(passphrase), await scratchMemory(), randomFrom(11));
  for (let n = 0; n < count; n++) await world.backup('a');
  return world;
}

function pointAt(world: World, index: number): ModelPoint {
  const point = world.points.at(index);
  if (point === undefined) throw new Error(`there is no point ${index}`);
  return point;
}

function merge(
  { repo }: World,
  request: Partial<SynthesisRequest> = {},
  hear: (event: StrataEvent) => void = () => undefined,
): Promise<SynthesisResult> {
  const subject = { machine: 'm', disk: 'a', at: null, mode: 'reference', requireClone: false, dryRun: false } as const;
  return synthesize(repo, { ...subject, ...request }, hear, quiet());
}

async function objects(repo: Repository): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of repo.store.list('')) names.push(name);
  return names.sort();
}

describe('a synthetic full', () => {
  it.each([undefined, 'secret'])('by reference moves nothing, and is the point (passphrase %s)', async (passphrase) => {
    const world = await worldOf(4, passphrase);
    const newest = pointAt(world, -1);
    const before = await readManifest(world.repo, newest.id);
    const packs = await listPacks(world.repo);
    const made = await merge(world);
    expect(made).toMatchObject({
      of: newest.id,
      mode: 'reference',
      mergedPoints: 4,
      nothingToDo: null,
      bytesCopiedByStore: 0,
      bytesThroughClient: 0,
      bytesFreed: 0,
      root: before.root,
      warnings: [],
    });
    expect(made.bytesReferenced).toBeGreaterThan(0);
    expect([...(await listPacks(world.repo)).keys()]).toEqual([...packs.keys()]);
    expect(await readManifest(world.repo, made.point ?? '')).toMatchObject({
      kind: 'synthetic',
      parent: null,
      chainLength: 1,
      time: before.time,
      size: before.size,
      root: before.root,
      synthesis: { of: newest.id, mergedPoints: 4, mode: 'reference' },
    });
    world.add(made.point, 'a', newest.content);
    await world.check();
    await world.verify();
  });

  it('takes the place of the point that it equals: the next backup stands on it', async () => {
    const world = await worldOf(3);
    const { point } = await merge(world);
    expect((await listPoints(world.repo)).points[0]?.id).toBe(point);
    world.add(point, 'a', pointAt(world, -1).content);
    await world.backup('a');
    expect((await readManifest(world.repo, pointAt(world, -1).id)).parent).toBe(point);
    await world.check();
  });

  it('by copying stands alone: with everything older freed it is whole', async () => {
    const world = await worldOf(5);
    const newest = pointAt(world, -1);
    const made = await merge(world, { mode: 'copy' });
    expect(made).toMatchObject({ mode: 'copy', bytesReferenced: 0, bytesCopiedByStore: 0, bytesResumed: 0 });
    expect(made.bytesThroughClient).toBeGreaterThan(0);
    const manifest = await readManifest(world.repo, made.point ?? '');
    const { layers } = await chainOf(world.repo, manifest);
    const named = await native.packsOf(world.repo.vault, layers[0]?.loc ?? raise());
    expect(new Set(named.map(runOfPack))).toEqual(new Set([made.point]));
    world.add(made.point, 'a', newest.content);
    for (const point of world.points.slice(0, -1)) await world.forget(point);
    expect((await world.collect(0)).freed.points).toBe(5);
    await world.check();
    await world.verify();
    expect(await objects(world.repo)).not.toContainEqual(expect.stringMatching(/^progress/));
  });

  it('is made of any point of a chain, and those after it stay as they are', async () => {
    const world = await worldOf(5);
    const middle = pointAt(world, 2);
    const made = await merge(world, { at: middle.id });
    expect(made).toMatchObject({ of: middle.id, mergedPoints: 3 });
    world.add(made.point, 'a', middle.content);
    await world.check();
    await world.verify();
  });

  it('says when there is nothing to do, and writes nothing', async () => {
    const world = await worldOf(1);
    expect(await merge(world)).toMatchObject({ point: null, nothingToDo: expect.stringContaining('full point') });
    await world.backup('a');
    const newest = pointAt(world, -1);
    const made = await merge(world);
    const before = await objects(world.repo);
    expect(await merge(world)).toMatchObject({ of: made.point, nothingToDo: 'it is a synthetic full already' });
    expect(await merge(world, { at: newest.id })).toMatchObject({
      of: newest.id,
      nothingToDo: `point ${made.point} is a synthetic full of it`,
    });
    expect(await objects(world.repo)).toEqual(before);
    // One that refers to others can still be made to stand alone.
    const copied = await merge(world, { mode: 'copy' });
    expect(copied).toMatchObject({ of: made.point, nothingToDo: null });
    expect((await merge(world, { mode: 'copy' })).nothingToDo).toContain('stands on its own');
  });

  it('is planned by a dry run, which writes nothing', async () => {
    const world = await worldOf(3);
    const before = await objects(world.repo);
    for (const mode of ['reference', 'copy'] as const) {
      const planned = await merge(world, { mode, dryRun: true });
      expect(planned).toMatchObject({ point: null, dryRun: true, mode, mergedPoints: 3, nothingToDo: null });
    }
    expect(await objects(world.repo)).toEqual(before);
  });

  it('is refused for a disk or a point that is not there, or of another disk', async () => {
    const world = await worldOf(2);
    await world.backup('b');
    await expect(merge(world, { disk: 'z' })).rejects.toMatchObject({ code: 'POINT_NOT_FOUND' });
    await expect(merge(world, { at: 'ffffffff' })).rejects.toMatchObject({ code: 'POINT_NOT_FOUND' });
    await expect(merge(world, { at: pointAt(world, -1).id })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it.each(['reference', 'copy'] as const)('of a damaged chain is an error that names it (%s)', async (mode) => {
    const damages: ((world: World) => Promise<unknown>)[] = [
      async ({ repo, points }) => truncate(repo.store.localPath(columnName(points[1]?.id ?? '', 'loc')), 10),
      async ({ repo, points }) => rm(repo.store.localPath(columnName(points[0]?.id ?? '', 'dig'))),
      async ({ repo, points }) =>
        writeFile(repo.store.localPath(columnName(points[1]?.id ?? '', 'dig')), await torn(repo, points[1]?.id ?? '')),
      async ({ repo, points }) => rm(repo.store.localPath(manifestName(points[0]?.id ?? ''))),
      async ({ repo }) => rm(repo.store.localPath(packName([...(await listPacks(repo)).keys()].sort()[0] ?? ''))),
    ];
    for (const damage of damages) {
      const world = await worldOf(3);
      await damage(world);
      const before = await objects(world.repo);
      await expect(merge(world, { mode })).rejects.toMatchObject({ exitCode: 13 });
      expect(await objects(world.repo)).toEqual(before);
    }
  });

  it('is not made when the maps do not give the root of the manifest', async () => {
    const world = await worldOf(3);
    const { id } = pointAt(world, -1);
    const name = manifestName(id);
    const manifest = { ...(await readManifest(world.repo, id)), root: 'ab'.repeat(32) };
    await world.repo.store.remove(name);
    await world.repo.store.put(name, sealRecord(world.repo.vault, name, manifest));
    const before = await objects(world.repo);
    await expect(merge(world)).rejects.toMatchObject({ code: 'ROOT_MISMATCH', exitCode: 13 });
    expect(await objects(world.repo)).toEqual(before);
  });

  it('is refused while another one of the disk is made, and not beside a backup', async () => {
    const world = await worldOf(2);
    const key = { machine: 'm', disk: 'a' };
    const backup = await Lease.take(world.repo, idFrom('a1'), { purpose: 'backup', ...key }, () => undefined);
    const other = await Lease.take(world.repo, idFrom('b2'), { purpose: 'synthesis', ...key }, () => undefined);
    await expect(merge(world)).rejects.toMatchObject({ code: 'LOCKED', exitCode: 11 });
    await other.release();
    expect((await merge(world)).point).not.toBeNull();
    await backup.release();
  });

  it('with sharing required is refused where extents cannot be shared, and nothing is written', async () => {
    const location = join(await scratchMemory(), 'repo');
    const repo = await Repository.create(location, { blockSize: 65536, encryption: false });
    onTestFinished(() => repo.close());
    const world = new World(repo, await scratchMemory(), randomFrom(3));
    for (let n = 0; n < 2; n++) await world.backup('a');
    const before = await objects(repo);
    const refused = merge(world, { mode: 'copy', requireClone: true });
    await expect(refused).rejects.toMatchObject({ code: 'CLONE_UNSUPPORTED', exitCode: 1 });
    expect(await objects(repo)).toEqual(before);
  });

  it.runIf(hasLoop)('shares its extents with the old packs on XFS', async () => {
    const folder = await scratchFolder();
    const image = join(folder, 'xfs.img');
    await writeFile(image, '');
    await truncate(image, 400 * 1024 ** 2);
    execFileSync('mkfs.xfs', ['-q', image]);
    const at = join(folder, 'xfs');
    await mkdir(at);
    execFileSync('mount', [attach(image), at]);
    onTestFinished(() => {
      execFileSync('umount', ['--lazy', at]);
    });
    const repo = await Repository.create(join(at, 'repo'), { blockSize: 65536, encryption: true, passphrase: 'x' });
    onTestFinished(() => repo.close());
    const world = new World(repo, folder, randomFrom(5));
    for (let n = 0; n < 4; n++) await world.backup('a');
    const made = await merge(world, { mode: 'copy', requireClone: true });
    expect(made.bytesCopiedByStore).toBeGreaterThan(made.bytesThroughClient);
    world.add(made.point, 'a', pointAt(world, -1).content);
    await world.check();
    await world.verify();
  });
});

/** A digest column with one byte turned over. */
async function torn(repo: Repository, id: string): Promise<Buffer> {
  const content = await repo.store.get(columnName(id, 'dig'));
  content[100] = (content[100] ?? 0) ^ 1;
  return content;
}

function raise(): never {
  throw new Error('a chain without layers');
}
