import { open, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backup } from '../../../src/backup/backup.ts';
import { type VerifyRequest, type VerifyResult, verify } from '../../../src/backup/verify.ts';
import type { StrataEvent } from '../../../src/repository/events.ts';
import { columnName, manifestName } from '../../../src/repository/manifest.ts';
import { writeMark } from '../../../src/repository/marks.ts';
import { listPacks, packName, runOfPack } from '../../../src/repository/packs.ts';
import { listPoints, readManifest } from '../../../src/repository/points.ts';
import { sealRecord } from '../../../src/repository/record.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { block, changeBlocks, writeImage } from '../images.ts';
import { idFrom } from '../repository/manifests.ts';
import { quiet, scratchFolder, scratchRepository } from '../scratch.ts';

const all: VerifyRequest = { specs: [], all: true, samplePercent: 100 };

interface Bench {
  readonly repo: Repository;
  /** Ids of three points of one disk, the oldest first: a full, block 1 changed, block 2 changed. */
  readonly points: readonly [string, string, string];
  readonly events: StrataEvent[];
  check(request?: Partial<VerifyRequest>): Promise<VerifyResult>;
}

async function bench(passphrase?: string): Promise<Bench> {
  const repo = await scratchRepository(passphrase);
  const folder = await scratchFolder();
  const source = join(folder, 'disk.img');
  await writeImage(source, 'rrrr');
  const request = { source, machine: 'web1', disk: 'sda', cacheFolder: join(folder, 'cache') };
  const backUp = async () => (await backup(repo, request, () => undefined, quiet())).point ?? '';
  const full = await backUp();
  await changeBlocks(source, 1);
  const second = await backUp();
  await changeBlocks(source, 2);
  const third = await backUp();
  const events: StrataEvent[] = [];
  const check = (request: Partial<VerifyRequest> = {}) =>
    verify(repo, { ...all, ...request }, (event) => events.push(event), quiet());
  return { repo, points: [full, second, third], events, check };
}

/** Turns a bit of an object round. */
async function flip(repo: Repository, name: string, at: number): Promise<void> {
  const file = await open(repo.store.localPath(name), 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    await file.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at);
  } finally {
    await file.close();
  }
}

async function packOf(repo: Repository, point: string): Promise<string> {
  const id = [...(await listPacks(repo)).keys()].find((pack) => runOfPack(pack) === point);
  return packName(id ?? '');
}

function verdicts({ points }: VerifyResult): Record<string, unknown> {
  return Object.fromEntries(
    points.map(({ id, damage }) => [id, damage.map(({ code, offset, length }) => [code, offset, length])]),
  );
}

async function verified(repo: Repository): Promise<boolean[]> {
  return (await listPoints(repo)).points.map((point) => point.verified !== null);
}

describe('verify', () => {
  it.each([undefined, 'secret'])('finds sound points good and marks them (passphrase %s)', async (passphrase) => {
    const { repo, points, check } = await bench(passphrase);
    const result = await check();
    // Four blocks of the full and one of each incremental: what points share is read once.
    expect(result).toMatchObject({ damaged: 0, blocksChecked: 6 });
    expect(result.points.map(({ id, ok, blocksChecked }) => [id, ok, blocksChecked])).toEqual([
      [points[2], true, 1],
      [points[1], true, 1],
      [points[0], true, 4],
    ]);
    expect(await verified(repo)).toEqual([true, true, true]);
  });

  it('reads the whole content of named points', async () => {
    const { repo, points, check } = await bench();
    const specs = [points[2], 'web1/sda@latest', points[0].slice(0, 12)];
    const result = await check({ specs, all: false });
    expect(result.points.map(({ id, blocksChecked }) => [id, blocksChecked])).toEqual([
      [points[2], 4],
      [points[0], 4],
    ]);
    expect(await verified(repo)).toEqual([true, false, true]);
  });

  it('marks nothing as verified by a sample', async () => {
    const { repo, check } = await bench();
    expect(await check({ samplePercent: 0 })).toMatchObject({ damaged: 0, blocksChecked: 0 });
    expect((await check({ samplePercent: 50 })).blocksChecked).toBeLessThanOrEqual(6);
    expect(await verified(repo)).toEqual([false, false, false]);
  });

  it('names the points and ranges that show a damaged frame, and no others', async () => {
    const { repo, points, check } = await bench();
    await check();
    // The first pack holds blocks 0 to 3 of the full, of which 1 and 2 are hidden later: 16 bytes of head, then equal frames.
    const frame = ((await stat(repo.store.localPath(await packOf(repo, points[0])))).size - 16) / 4;
    await flip(repo, await packOf(repo, points[0]), Math.floor(frame * 1.5));
    const result = await check();
    expect(verdicts(result)).toEqual({
      [points[0]]: [['FRAME_DAMAGED', block, block]],
      [points[1]]: [],
      [points[2]]: [],
    });
    expect(result.damaged).toBe(1);
    expect(await verified(repo)).toEqual([true, true, false]);
  });

  it('finds any part of a pack that is lost', async () => {
    const { repo, points, check } = await bench();
    await rm(repo.store.localPath(await packOf(repo, points[1])));
    const lost = ['PACK_MISSING', block, block];
    expect(verdicts(await check())).toEqual({ [points[0]]: [], [points[1]]: [lost], [points[2]]: [lost] });
    expect(verdicts(await check({ specs: [points[2]], all: false }))).toEqual({ [points[2]]: [lost] });
  });

  it('finds a pack that is cut short', async () => {
    const { repo, points, check } = await bench();
    await truncate(repo.store.localPath(await packOf(repo, points[0])), 1000);
    const result = await check();
    expect(result.damaged).toBe(3);
    const ranges = (at: number) =>
      result.points[at]?.damage.map(({ length }) => length).reduce((a, b) => (a ?? 0) + (b ?? 0), 0);
    expect([ranges(0), ranges(1), ranges(2)]).toEqual([2 * block, 3 * block, 4 * block]);
  });

  it.each(['loc', 'dig'] as const)(
    'finds a damaged, short or missing %s column, and what stands on it',
    async (column) => {
      for (const damage of ['flip', 'cut', 'remove']) {
        const { repo, points, check } = await bench();
        const name = columnName(points[1], column);
        if (damage === 'flip') await flip(repo, name, 100);
        if (damage === 'cut') await truncate(repo.store.localPath(name), 50);
        if (damage === 'remove') await repo.store.remove(name);
        const code = damage === 'remove' ? 'MAP_MISSING' : 'MAP_DAMAGED';
        const expected = [[code, null, null]];
        expect(verdicts(await check())).toEqual({ [points[0]]: [], [points[1]]: expected, [points[2]]: expected });
      }
    },
  );

  it('finds maps that do not make the content that the manifest promises', async () => {
    const { repo, points, check } = await bench();
    const manifest = await readManifest(repo, points[2]);
    const name = manifestName(points[2]);
    await repo.store.remove(name);
    await repo.store.put(name, sealRecord(repo.vault, name, { ...manifest, root: 'ab'.repeat(32) }));
    expect(verdicts(await check())).toMatchObject({ [points[2]]: [['MAP_DAMAGED', null, null]], [points[1]]: [] });
  });

  it('names damaged manifests and the points that need them', async () => {
    const { repo, points, check } = await bench();
    await flip(repo, manifestName(points[0]), 90);
    const result = await check();
    expect(verdicts(result)).toEqual({
      [points[0]]: [['MANIFEST_DAMAGED', null, null]],
      [points[1]]: [['CHAIN_BROKEN', null, null]],
      [points[2]]: [['CHAIN_BROKEN', null, null]],
    });
    expect(result.damaged).toBe(3);
    expect(await check({ specs: [points[0]], all: false })).toMatchObject({
      damaged: 1,
      points: [{ id: points[0], ok: false }],
    });
  });

  it('looks through a forgotten point to what it gives to others', async () => {
    const { repo, points, check } = await bench();
    await writeMark(repo, points[0], 'forgotten', true);
    expect(Object.keys(verdicts(await check()))).toEqual([points[2], points[1]]);
    await truncate(repo.store.localPath(await packOf(repo, points[0])), 100);
    expect((await check()).damaged).toBe(2);
  });

  it('has nothing to say of an empty repository', async () => {
    const repo = await scratchRepository();
    expect(await verify(repo, all, () => undefined, quiet())).toMatchObject({ points: [], damaged: 0, bytesRead: 0 });
  });

  it('can be interrupted', async () => {
    const { repo } = await bench();
    await expect(verify(repo, all, () => undefined, AbortSignal.abort())).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect(await verified(repo)).toEqual([false, false, false]);
  });

  it.each([
    [{ specs: [], all: false }, 'USAGE'],
    [{ samplePercent: 101 }, 'USAGE'],
    [{ samplePercent: Number.NaN }, 'USAGE'],
    [{ specs: [idFrom('12')], all: false }, 'POINT_NOT_FOUND'],
  ])('refuses %j', async (request, code) => {
    const { check } = await bench();
    await expect(check(request)).rejects.toMatchObject({ code });
  });
});
