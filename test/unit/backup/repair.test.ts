import { access, cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BackupResult, backup } from '../../../src/backup/backup.ts';
import { type RepairRequest, type RepairResult, repair } from '../../../src/backup/repair.ts';
import { verify } from '../../../src/backup/verify.ts';
import { readBadFrames } from '../../../src/repository/bad-frames.ts';
import { collect } from '../../../src/repository/collection/collect.ts';
import { forgetPoints } from '../../../src/repository/forget.ts';
import { Lease } from '../../../src/repository/lease.ts';
import { columnName, manifestName } from '../../../src/repository/manifest.ts';
import { readMarks, writeMark } from '../../../src/repository/marks.ts';
import { listPacks, packName, runOfPack } from '../../../src/repository/packs.ts';
import { listPoints, readManifest } from '../../../src/repository/points.ts';
import { sealRecord } from '../../../src/repository/record.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { restore } from '../../../src/restore/restore.ts';
import { flipByte } from '../../e2e/images.ts';
import { treeDigest } from '../../e2e/strata.ts';
import { block, changeBlocks, writeImage } from '../images.ts';
import { quiet, scratchFolder, scratchRepository } from '../scratch.ts';

const gentle: RepairRequest = { dryRun: false, quick: false, drop: false };

/** 16 bytes of head, then frames of random blocks: nothing of them shrinks. */
const head = 16;
const frame = 80 + block;

interface Bench {
  readonly repo: Repository;
  /** Of web1/sda, the oldest first: a full of 6 blocks, block 1 changed, block 2 changed; then of web2/sdb, which shares blocks with the first. */
  readonly points: readonly [string, string, string, string];
  repair(request?: Partial<RepairRequest>): Promise<RepairResult>;
  /** Backs up the disk of web1 again as it was last. */
  backUpAgain(): Promise<BackupResult>;
  /** The points that do not restore bit for bit; each must fail, not give something else. */
  unrestorable(): Promise<string[]>;
  damaged(): Promise<number>;
  path(name: string): string;
  packOf(point: string): Promise<string>;
}

async function bench(passphrase?: string): Promise<Bench> {
  const repo = await scratchRepository(passphrase);
  const folder = await scratchFolder();
  const [source, other] = [join(folder, 'disk.img'), join(folder, 'other.img')];
  const contents = new Map<string, Buffer>();
  const backUp = async (path: string, machine: string, disk: string) => {
    const request = { source: path, machine, disk, cacheFolder: join(folder, 'cache') };
    const result = await backup(repo, request, () => undefined, quiet());
    contents.set(result.point ?? '', await readFile(path));
    return result;
  };
  const pointOf = async (result: Promise<BackupResult>) => (await result).point ?? '';
  await writeImage(source, 'rrr.rr', 1000);
  const full = await pointOf(backUp(source, 'web1', 'sda'));
  await cp(source, other);
  await changeBlocks(source, 1);
  const second = await pointOf(backUp(source, 'web1', 'sda'));
  await changeBlocks(source, 2);
  const third = await pointOf(backUp(source, 'web1', 'sda'));
  await changeBlocks(other, 0);
  const shared = await pointOf(backUp(other, 'web2', 'sdb'));
  return {
    repo,
    points: [full, second, third, shared],
    repair: (request = {}) => repair(repo, { ...gentle, ...request }, () => undefined, quiet()),
    backUpAgain: () => backUp(source, 'web1', 'sda'),
    unrestorable: async () => {
      const failed: string[] = [];
      for (const { id } of (await listPoints(repo)).points) {
        const to = join(folder, 'out.img');
        try {
          await restore(repo, { point: id, to, force: true }, () => undefined, quiet());
          expect((await readFile(to)).equals(contents.get(id) ?? Buffer.alloc(0))).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ exitCode: 13 });
          failed.push(id);
        }
      }
      return failed;
    },
    damaged: async () => {
      const request = { specs: [], all: true, samplePercent: 100 };
      return (await verify(repo, request, () => undefined, quiet())).damaged;
    },
    path: (name) => repo.store.localPath(name),
    packOf: async (point) => {
      const id = [...(await listPacks(repo)).keys()].find((pack) => runOfPack(pack) === point);
      return packName(id ?? '');
    },
  };
}

type Harm = 'flip' | 'cut' | 'remove';

async function harm(path: string, kind: Harm): Promise<void> {
  if (kind === 'flip') await flipByte(path, 100);
  if (kind === 'cut') await truncate(path, 60);
  if (kind === 'remove') await rm(path);
}

/** What is lost, as [point, offset, length, code]. */
function losses({ lost }: RepairResult) {
  return lost.map(({ point, offset, length, code }) => [point, offset, length, code]);
}

const nothing = { mended: [], lost: [], dropped: [], toBackUp: [], needsBackup: 0, warnings: [] };

describe('repair', () => {
  it('finds nothing to do in a sound repository', async () => {
    const { repo, repair } = await bench('secret');
    const before = await treeDigest(repo.location);
    expect(await repair()).toMatchObject({ ...nothing, dryRun: false });
    expect(await treeDigest(repo.location)).toBe(before);
  });

  const cases = (['loc', 'dig'] as const).flatMap((column) =>
    (['flip', 'cut', 'remove'] as const).flatMap((kind) =>
      [0, 1, 3].map((at) => [column, kind, at, at === 1 ? 'secret' : undefined] as const),
    ),
  );
  it.each(cases)('makes a lost %s column anew (%s, point %s)', async (column, kind, at, passphrase) => {
    const { repo, points, repair, unrestorable, damaged, path } = await bench(passphrase);
    const point = points[at] ?? '';
    await harm(path(columnName(point, column)), kind);
    const before = await treeDigest(repo.location);
    const planned = await repair({ dryRun: true });
    expect(await treeDigest(repo.location)).toBe(before);
    const result = await repair();
    expect(result).toMatchObject({ ...nothing, mended: [{ point, column }] });
    expect(planned).toMatchObject({ mended: result.mended, lost: [], dryRun: true });
    expect(await damaged()).toBe(0);
    expect(await unrestorable()).toEqual([]);
    expect(await repair()).toMatchObject(nothing);
  });

  it('mends columns of one chain that stand on each other, and keeps what was mended before', async () => {
    const { points, repair, unrestorable, damaged, path, repo } = await bench();
    await rm(path(columnName(points[0], 'dig')));
    await repair();
    for (const name of [columnName(points[0], 'loc'), columnName(points[1], 'dig'), columnName(points[2], 'dig')]) {
      await rm(path(name));
    }
    const { mended } = await repair();
    expect(mended.map(({ point, column }) => [point, column])).toEqual([
      [points[0], 'loc'],
      [points[1], 'dig'],
      [points[2], 'dig'],
    ]);
    const moved = (await readMarks(repo, { point: points[0] })).marks.get(points[0])?.moved;
    expect(Object.keys(moved?.columns ?? {}).sort()).toEqual(['dig', 'loc']);
    expect([await damaged(), await unrestorable()]).toEqual([0, []]);
  });

  it('names what lies in a damaged frame; a backup reads it again, and the next repair finds it there', async () => {
    const { repo, points, repair, backUpAgain, unrestorable, damaged, path, packOf } = await bench('secret');
    // Block 2 of the full, which the second point and the other disk show, too; and block 2 of the third point.
    await flipByte(path(await packOf(points[0])), head + 2.5 * frame);
    await flipByte(path(await packOf(points[2])), head + 100);
    const result = await repair();
    const range = [2 * block, block, 'FRAME_DAMAGED'];
    expect(losses(result)).toEqual([points[3], points[2], points[1], points[0]].map((point) => [point, ...range]));
    expect(result).toMatchObject({
      mended: [],
      needsBackup: 2,
      toBackUp: [
        { machine: 'web2', disk: 'sdb', blocks: 1 },
        { machine: 'web1', disk: 'sda', blocks: 1 },
      ],
    });
    expect((await readBadFrames(repo)).places).toHaveLength(2);
    expect(await unrestorable()).toEqual([points[3], points[2], points[1], points[0]]);

    const healed = await backUpAgain();
    expect(healed).toMatchObject({ kind: 'incremental', bytesNew: block, warnings: [{ code: 'BAD_FRAMES' }] });
    expect(await unrestorable()).not.toContain(healed.point);
    // Only the third point had that content.
    const second = await repair({ quick: true });
    expect(second.mended).toMatchObject([{ point: points[2], column: 'loc' }]);
    expect(losses(second)).toEqual([points[3], points[1], points[0]].map((point) => [point, ...range]));
    expect(await unrestorable()).toEqual([points[3], points[1], points[0]]);
    expect(await damaged()).toBe(3);
    // What was stored anew is not stored again and again.
    expect(await backUpAgain()).toMatchObject({ bytesNew: 0, warnings: [] });
  });

  it('finds blocks of a lost pack in the pack that a backup stored anew', async () => {
    const { points, repair, backUpAgain, unrestorable, damaged, path, packOf } = await bench();
    await rm(path(await packOf(points[0])));
    const result = await repair();
    // Of the full 0 to 2, 4 and 5; the others hide some of it.
    expect(losses(result)).toEqual([
      [points[3], block, 2 * block, 'PACK_MISSING'],
      [points[3], 4 * block, 2 * block - 1000, 'PACK_MISSING'],
      [points[2], 0, block, 'PACK_MISSING'],
      [points[2], 4 * block, 2 * block - 1000, 'PACK_MISSING'],
      [points[1], 0, block, 'PACK_MISSING'],
      [points[1], 2 * block, block, 'PACK_MISSING'],
      [points[1], 4 * block, 2 * block - 1000, 'PACK_MISSING'],
      [points[0], 0, 3 * block, 'PACK_MISSING'],
      [points[0], 4 * block, 2 * block - 1000, 'PACK_MISSING'],
    ]);
    expect(result).toMatchObject({ needsBackup: 4 + 3, mended: [] });
    const healed = await backUpAgain();
    expect(healed.bytesNew).toBe(3 * block);
    const second = await repair();
    // Both fulls have blocks 4 and 5 from there.
    expect(second.mended.map(({ point }) => point).sort()).toEqual([points[0], points[3]].sort());
    expect(losses(second)).toEqual([
      [points[3], block, 2 * block, 'PACK_MISSING'],
      [points[1], 2 * block, block, 'PACK_MISSING'],
      [points[0], block, 2 * block, 'PACK_MISSING'],
    ]);
    expect(await unrestorable()).toEqual([points[3], points[1], points[0]]);
    expect(await damaged()).toBe(3);
  });

  it.each([undefined, 'secret'])(
    'never gives zeros for what a location column made anew could not find (%s)',
    async (passphrase) => {
      const { points, repair, backUpAgain, unrestorable, path, packOf } = await bench(passphrase);
      await rm(path(columnName(points[2], 'loc')));
      await rm(path(await packOf(points[2])));
      const result = await repair();
      expect(result.mended).toMatchObject([{ point: points[2], column: 'loc' }]);
      expect(losses(result)).toEqual([[points[2], 2 * block, block, 'PACK_MISSING']]);
      expect(result.lost[0]?.reason).toBe('no pack has it');
      expect(await unrestorable()).toEqual([points[2]]);
      expect(losses(await repair())).toEqual(losses(result));
      expect((await backUpAgain()).bytesNew).toBe(block);
      expect(await repair()).toMatchObject({ ...nothing, mended: [{ point: points[2], column: 'loc' }] });
      expect(await unrestorable()).toEqual([]);
    },
  );

  it.each([undefined, 'secret'])(
    'makes a digest column anew over a damaged frame, and whole once that is found (%s)',
    async (passphrase) => {
      const { points, repair, backUpAgain, unrestorable, damaged, path, packOf } = await bench(passphrase);
      await rm(path(columnName(points[2], 'dig')));
      await flipByte(path(await packOf(points[2])), head + 100);
      const result = await repair();
      expect(result.mended).toMatchObject([{ point: points[2], column: 'dig' }]);
      expect(losses(result)).toEqual([[points[2], 2 * block, block, 'FRAME_DAMAGED']]);
      expect(await backUpAgain()).toMatchObject({ kind: 'incremental', bytesNew: block });
      const second = await repair();
      expect(second).toMatchObject({ ...nothing, mended: [{ column: 'loc' }, { column: 'dig' }] });
      expect(await damaged()).toBe(0);
      expect(await unrestorable()).toEqual([]);
    },
  );

  it.each([undefined, 'secret'])('stores anew what is whole of a pack without an index (%s)', async (passphrase) => {
    const { repo, points, repair, unrestorable, damaged, path, packOf } = await bench(passphrase);
    const pack = path(await packOf(points[0]));
    await truncate(pack, head + 5 * frame + 10);
    // Found by the headers of the frames.
    await rm(path(columnName(points[0], 'loc')));
    const before = await treeDigest(repo.location);
    const planned = await repair({ dryRun: true, quick: true });
    expect(await treeDigest(repo.location)).toBe(before);
    const result = await repair({ quick: true });
    const names = ({ mended }: RepairResult) => mended.map(({ point }) => point).sort();
    expect(names(result)).toEqual([points[0], points[3]].sort());
    expect(names(planned)).toEqual(names(result));
    expect(result.lost).toEqual([]);
    expect(await damaged()).toBe(0);
    expect(await unrestorable()).toEqual([]);
    expect(await repair()).toMatchObject(nothing);
    // Nothing needs the damaged one any more.
    const collection = { grace: 0, maxUnused: null, dryRun: false };
    expect(await collect(repo, collection, () => undefined, quiet())).toMatchObject({ freed: { packs: 1 } });
    expect(await unrestorable()).toEqual([]);
  });

  it('leaves a damaged frame where it was when its pack has no index', async () => {
    const { points, repair, path, packOf } = await bench();
    const pack = path(await packOf(points[2]));
    await truncate(pack, head + frame);
    await flipByte(pack, head + 100);
    const result = await repair();
    expect(losses(result)).toEqual([[points[2], 2 * block, block, 'FRAME_DAMAGED']]);
    expect(result.mended).toEqual([]);
  });

  it('names points whose map is lost, with all that stand on it, and forgets them only when told', async () => {
    const { repo, points, repair, path, damaged } = await bench();
    for (const column of ['loc', 'dig'] as const) await rm(path(columnName(points[1], column)));
    const gone = [points[2], points[1]];
    const result = await repair();
    expect(losses(result)).toEqual(gone.map((point) => [point, null, null, 'MAP_MISSING']));
    expect(result).toMatchObject({ dropped: [], toBackUp: [{ disk: 'sda', blocks: null }] });
    const collection = { grace: 0, maxUnused: null, dryRun: false };
    const collected = () => collect(repo, collection, () => undefined, quiet());
    await expect(collected()).rejects.toMatchObject({ exitCode: 13 });
    expect(await repair({ drop: true, dryRun: true })).toMatchObject({ dropped: gone });
    expect((await listPoints(repo)).points).toHaveLength(4);
    // Only what was named goes: it may have become more since.
    expect(await repair({ drop: [points[0] as string, points[2] as string] })).toMatchObject({ dropped: [points[2]] });
    expect(await repair({ drop: [] })).toMatchObject({ dropped: [] });
    expect(await repair({ drop: true })).toMatchObject({ dropped: [points[1]] });
    expect((await listPoints(repo)).points.map(({ id }) => id)).toEqual([points[3], points[0]]);
    expect(await collected()).toMatchObject({ freed: { points: 2, packs: 2 } });
    expect(await damaged()).toBe(0);
  });

  it('names a damaged manifest and what stands on it; forgotten, it is in nobody’s way', async () => {
    const { repo, points, repair, path } = await bench();
    await flipByte(path(manifestName(points[0])), 90);
    await writeMark(repo, points[1], 'protected', true);
    const result = await repair({ drop: true });
    expect(losses(result)).toEqual([
      [points[0], null, null, 'MANIFEST_DAMAGED'],
      [points[2], null, null, 'CHAIN_BROKEN'],
      [points[1], null, null, 'CHAIN_BROKEN'],
    ]);
    expect(result.dropped).toEqual([points[0], points[2]]);
    await writeMark(repo, points[1], 'protected', false);
    expect(await repair({ drop: true })).toMatchObject({ dropped: [points[1]] });
    expect(await listPoints(repo)).toMatchObject({ points: [{ id: points[3] }], damaged: [] });
    const collection = { grace: 0, maxUnused: null, dryRun: false };
    expect(await collect(repo, collection, () => undefined, quiet())).toMatchObject({ freed: { points: 3 } });
    expect(await repair()).toMatchObject(nothing);
  });

  it('uses no digest column that does not give the root', async () => {
    const { repo, points, repair, path, unrestorable } = await bench();
    const name = manifestName(points[2]);
    const manifest = await readManifest(repo, points[2]);
    await repo.store.remove(name);
    await repo.store.put(name, sealRecord(repo.vault, name, { ...manifest, root: 'ab'.repeat(32) }));
    await rm(path(columnName(points[2], 'dig')));
    const result = await repair({ drop: true });
    expect(losses(result)).toEqual([[points[2], null, null, 'ROOT_MISMATCH']]);
    expect(result).toMatchObject({ mended: [], dropped: [] });
    expect(await unrestorable()).toEqual([]);
  });

  it('mends the map of a forgotten point of which a part was collected', async () => {
    const { repo, points, repair, path, damaged, unrestorable, packOf } = await bench();
    // What the kept point hides of the full goes, and the rest of its pack is moved; the maps of both stay.
    const pack = path(await packOf(points[0]));
    await forgetPoints(repo, [points[0], points[1], points[3]]);
    const collection = { grace: 0, maxUnused: 0, dryRun: false };
    await collect(repo, collection, () => undefined, quiet());
    await collect(repo, collection, () => undefined, quiet());
    await expect(access(pack)).rejects.toThrow();
    for (const point of [points[0], points[1]]) {
      const moved = (await readMarks(repo, { point })).marks.get(point)?.moved?.columns;
      for (const column of ['dig', 'loc'] as const) {
        const name = moved?.[column]?.name ?? columnName(point, column);
        await rm(path(name));
        const result = await repair();
        expect([result.mended.map((one) => [one.point, one.column]), result.lost]).toEqual([[[point, column]], []]);
        expect([await damaged(), await unrestorable()]).toEqual([0, []]);
      }
    }
  });

  it('has marks that cannot be read say what they count for', async () => {
    const { repo, points, repair, path, damaged } = await bench();
    for (const kind of ['protected', 'verified', 'forgotten'] as const) {
      await writeMark(repo, points[1], kind, true);
      await flipByte(path(`marks/${points[1]}.${kind}.1`), 90);
    }
    await rm(path(columnName(points[2], 'loc')));
    const kinds = ({ mended }: RepairResult) => mended.map(({ column }) => column).sort();
    expect(kinds(await repair())).toEqual(['loc', 'mark', 'mark', 'mark']);
    await flipByte(path(`marks/${points[2]}.moved.1`), 90);
    const last = await repair();
    expect(kinds(last)).toEqual(['loc', 'mark']);
    const { lost } = last;
    expect(lost).toEqual([]);
    const { points: listed, damaged: unread } = await listPoints(repo);
    expect(unread).toEqual([]);
    expect(listed.find(({ id }) => id === points[1])).toMatchObject({
      protected: true,
      verified: null,
      forgotten: false,
    });
    expect(await damaged()).toBe(0);
  });

  it('takes a frame from the record when it is good again, and a record that cannot be read away', async () => {
    const { repo, points, repair, damaged, path, packOf, backUpAgain } = await bench();
    const pack = path(await packOf(points[0]));
    await flipByte(pack, head + 100);
    expect(await damaged()).toBe(4 - 1);
    const [place] = (await readBadFrames(repo)).places;
    expect(place).toMatchObject({ offset: head });
    await flipByte(pack, head + 100);
    expect(await repair()).toMatchObject(nothing);
    expect(await readBadFrames(repo)).toEqual({ places: [], unreadable: [] });

    await writeFile(path(`bad/${place?.pack}.7`), 'no record');
    expect(await backUpAgain()).toMatchObject({ bytesNew: 0, warnings: [{ code: 'BAD_FRAMES' }] });
    expect(await repair()).toMatchObject({ lost: [], warnings: [{ code: 'BAD_FRAMES' }] });
    expect(await repair()).toMatchObject(nothing);
  });

  it('takes the mark of a verified point that has lost something', async () => {
    const { repo, points, repair, damaged, path, packOf } = await bench();
    expect(await damaged()).toBe(0);
    await rm(path(await packOf(points[2])));
    await repair({ quick: true });
    const { points: listed } = await listPoints(repo);
    expect(listed.filter(({ verified }) => verified === null).map(({ id }) => id)).toEqual([points[2]]);
  });

  it('keeps out of the way of a collection, and can be interrupted', async () => {
    const { repo, points, repair: run, path } = await bench();
    await rm(path(columnName(points[0], 'loc')));
    const lease = await Lease.take(repo, 'ab'.repeat(12), { purpose: 'collection' }, () => undefined);
    await expect(run()).rejects.toMatchObject({ code: 'LOCKED' });
    expect(await run({ dryRun: true })).toMatchObject({ mended: [{ column: 'loc' }] });
    await lease.release();
    const before = await treeDigest(repo.location);
    await expect(repair(repo, gentle, () => undefined, AbortSignal.abort())).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect(await treeDigest(repo.location)).toBe(before);
  });
});
