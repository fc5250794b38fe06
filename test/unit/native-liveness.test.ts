/** What crosses to native for collection: marks, live and freed bytes, and places that are damaged. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backup } from '../../src/backup/backup.ts';
import type { BackupOutcome } from '../../src/native/backup.ts';
import type { BadPlace, Chain, PackRef } from '../../src/native/maps.ts';
import { native } from '../../src/native.ts';
import { chainOf } from '../../src/repository/chain.ts';
import { listPacks } from '../../src/repository/packs.ts';
import { readPoint } from '../../src/repository/points.ts';
import { block, changeBlocks, writeImage } from './images.ts';
import { quiet, scratchFolder, scratchRepository } from './scratch.ts';

/** A full and an incremental of a disk of random blocks, each with one pack. */
async function bench() {
  const repo = await scratchRepository('secret');
  const folder = await scratchFolder();
  const source = join(folder, 'disk.img');
  await writeImage(source, 'rrrrrrrr..');
  const request = { source, machine: 'web1', disk: 'sda', cacheFolder: join(folder, 'cache') };
  const backUp = async (): Promise<{ chain: Chain; packs: PackRef[] }> => {
    const before = await listPacks(repo);
    const { point } = await backup(repo, request, () => undefined, quiet());
    const { layers } = await chainOf(repo, (await readPoint(repo, point ?? '')).manifest);
    const packs = [...(await listPacks(repo)).values()].filter(({ id }) => !before.has(id));
    return { chain: layers, packs };
  };
  const first = await backUp();
  await changeBlocks(source, 2, 5);
  const second = await backUp();
  const { vault, config } = repo;
  const sizes = { vault, packSize: config.packSize, blockSize: config.blockSize };
  return { sizes, folder, source, first, second };
}

describe('liveness', () => {
  it('knows what chains refer to', async () => {
    const { sizes, first, second } = await bench();
    const packs = [...first.packs, ...second.packs];
    const ids = packs.map(({ id }) => id);
    const bytes = Float64Array.from(packs, (pack) => pack.bytes);
    expect(packs).toHaveLength(2);
    const liveness = native.openLiveness(sizes);
    expect(native.livePacks(liveness)).toEqual([]);
    expect(native.liveBytes(liveness, ids, bytes)).toEqual(new Float64Array(2));

    expect(await native.markLive(liveness, first.chain)).toBe(8);
    expect(native.livePacks(liveness)).toEqual(first.packs.map(({ id }) => id));
    const [live = 0, none] = native.liveBytes(liveness, ids, bytes);
    expect(none).toBe(0);
    expect(live).toBeGreaterThanOrEqual(8 * block);
    expect(live).toBeLessThanOrEqual(packs[0]?.bytes ?? 0);

    // The second point shows less of the first pack than the first did: marks stay. Both at once.
    expect(await Promise.all([second.chain, []].map((chain) => native.markLive(liveness, chain)))).toEqual([8, 0]);
    expect(native.livePacks(liveness)).toEqual(ids.toSorted());
    expect(native.liveBytes(liveness, ids, bytes)[0]).toBe(live);
    expect(native.liveBytes(liveness, ids, bytes)[1]).toBeGreaterThanOrEqual(2 * block);
    expect(native.liveBytes(liveness, ['0'.repeat(32)], Float64Array.of(1))[0]).toBe(0);

    const part = native.openLiveness(sizes);
    expect(await native.markLive(part, second.chain.slice(0, 1))).toBe(2);
    expect(native.livePacks(part)).toEqual(second.packs.map(({ id }) => id));
  });

  it('says what is damaged, and takes no other handle', async () => {
    const { sizes, first, second } = await bench();
    const liveness = native.openLiveness(sizes);
    const [{ path } = { path: '' }] = second.chain.map(({ loc }) => loc);
    await rm(path);
    const missing = { code: 'MAP_MISSING', path };
    await expect(native.markLive(liveness, second.chain)).rejects.toMatchObject(missing);
    const { vault, blockSize } = sizes;
    const freed = native.freedBytes({ vault, blockSize, kept: [first.chain], dropped: [second.chain] });
    await expect(freed).rejects.toMatchObject(missing);
    const wrong = expect.objectContaining({ code: 'NATIVE_ARGUMENT' });
    expect(() => native.livePacks(native.openStream() as never)).toThrow(wrong);
    expect(() => native.openLiveness({ ...sizes, packSize: 4096 })).toThrow(wrong);
    const one = Float64Array.of(1);
    expect(() => native.liveBytes(liveness, ['a pack'], one)).toThrow(wrong);
    expect(() => native.liveBytes(liveness, [7 as never], one)).toThrow(wrong);
    expect(() => native.liveBytes(liveness, [], one)).toThrow(wrong);
    expect(() => native.liveBytes(liveness, ['0'.repeat(32)], Float64Array.of(-1))).toThrow(wrong);
    expect(() => native.liveBytes(liveness, ['0'.repeat(32)], [1] as never)).toThrow(wrong);
  });
});

describe('freedBytes', () => {
  it('counts what only the dropped points show', async () => {
    const { sizes, first, second } = await bench();
    const { vault, blockSize } = sizes;
    const freed = (kept: Chain[], dropped: Chain[]) => native.freedBytes({ vault, blockSize, kept, dropped });
    const stored = await native.statistics({ vault, chain: first.chain, blockSize });
    const perBlock = stored.storedBytes / 8;
    expect(await freed([], [])).toEqual(new Float64Array(0));
    expect(await freed([], [first.chain])).toEqual(Float64Array.of(stored.storedBytes));
    expect(await freed([second.chain], [first.chain])).toEqual(Float64Array.of(2 * perBlock));
    expect(await freed([first.chain], [second.chain])).toEqual(Float64Array.of(2 * perBlock));
    expect(await freed([], [second.chain, first.chain])).toEqual(Float64Array.of(8 * perBlock, 2 * perBlock));
  });
});

describe('bad places', () => {
  it('are not found by the index, and stored again by a run', async () => {
    const { sizes, folder, source, first, second } = await bench();
    const { vault, blockSize, packSize } = sizes;
    const packs = [...first.packs, ...second.packs];
    const run = async (bad: readonly BadPlace[], runId: string): Promise<BackupOutcome> => {
      const cacheFile = join(folder, 'dedup');
      const dedup = await native.openDedupIndex({ vault, packs, cacheFile, memoryLimit: 1 << 20, bad });
      const { finished, packStored } = native.startBackup({
        vault,
        source,
        kind: 'file',
        size: 10 * block,
        blockSize,
        parent: second.chain,
        missingPacks: [],
        badPlaces: bad,
        dedup,
        spool: folder,
        runId,
        packSize,
        level: 1,
        threads: 0,
        rateLimit: 0,
        unallocated: new Float64Array(),
        unchanged: new Float64Array(),
        auditPercent: 0,
        auditSeed: 0,
        zerosUnread: false,
        onPack: ({ seq }) => packStored(seq),
      });
      return finished.finally(() => dedup.close());
    };
    // The first frame of a pack. Of the full's, block 0 lies there.
    const places = packs.map(({ id }) => ({ pack: id, offset: 16 }));
    expect(await run([], 'aa'.repeat(12))).toMatchObject({ bytesNew: 0, changedBlocks: 0 });
    expect(await run(places, 'bb'.repeat(12))).toMatchObject({ bytesNew: 2 * block, changedBlocks: 2 });
    expect(await run([{ pack: places[0]?.pack ?? '', offset: 17 }], 'cc'.repeat(12))).toMatchObject({ bytesNew: 0 });
    const outside = native.openDedupIndex.bind(native, {
      vault,
      packs,
      cacheFile: '',
      memoryLimit: 0,
      bad: [{ pack: places[0]?.pack ?? '', offset: 2 ** 32 }],
    });
    expect(outside).toThrow(expect.objectContaining({ code: 'NATIVE_ARGUMENT' }));
  });
});
