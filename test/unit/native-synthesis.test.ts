/** What crosses to native for synthesis and relocation: options, packs that are given out, outcomes and refusals. */
import { copyFile, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backup } from '../../src/backup/backup.ts';
import type { OnPack, PackingRun } from '../../src/native/run.ts';
import type { SynthesisOptions } from '../../src/native/synthesis.ts';
import { native } from '../../src/native.ts';
import { chainOf } from '../../src/repository/chain.ts';
import { listPacks } from '../../src/repository/packs.ts';
import { readPoint } from '../../src/repository/points.ts';
import { block, changeBlocks, writeImage } from './images.ts';
import { quiet, scratchFolder, scratchRepository } from './scratch.ts';

const blocks = 8;

/** A chain of two points of a disk of random blocks, each with one pack. */
async function bench() {
  const repo = await scratchRepository('secret');
  const folder = await scratchFolder();
  const source = join(folder, 'disk.img');
  await writeImage(source, 'rrrrrrrr..');
  const request = { source, machine: 'web1', disk: 'sda', cacheFolder: join(folder, 'cache') };
  await backup(repo, request, () => undefined, quiet());
  await changeBlocks(source, 2, 5);
  const { point } = await backup(repo, request, () => undefined, quiet());
  const { manifest } = await readPoint(repo, point ?? '');
  const { layers } = await chainOf(repo, manifest);
  const packs = { folder: repo.store.localPath('packs') };
  const options = {
    vault: repo.vault,
    chain: layers,
    packs,
    size: manifest.size,
    blockSize: repo.config.blockSize,
    spool: folder,
    packSize: repo.config.packSize,
    clone: 'auto',
  } as const;
  const ids = [...(await listPacks(repo)).keys()].toSorted();
  return { options, manifest, ids };
}

/** Starts a run whose packs are stored at once. */
function storing<Outcome, Progress>(
  folder: string,
  start: (onPack: OnPack) => PackingRun<Outcome, Progress>,
): PackingRun<Outcome, Progress> & { readonly given: readonly string[] } {
  const given: string[] = [];
  const run = start(({ seq, id, path, bytes, frames }) => {
    given.push(id);
    const to = join(folder, id.slice(-2), id);
    const store = async () => {
      expect((await stat(path)).size).toBe(bytes);
      expect(frames).toBeGreaterThan(0);
      await mkdir(dirname(to), { recursive: true });
      await copyFile(path, to);
    };
    store().then(
      () => run.packStored(seq),
      () => run.packFailed(seq),
    );
  });
  return { ...run, given };
}

describe('startSynthesis', () => {
  it.each(['reference', 'copy'] as const)('gives the map of a full point (%s)', async (mode) => {
    const { options, manifest, ids } = await bench();
    const runId = 'a1'.repeat(12);
    const run = storing(options.packs.folder, (onPack) =>
      native.startSynthesis({ ...options, runId, mode, resume: [], assembly: [], onPack }),
    );
    const outcome = await run.finished;
    expect(outcome).toMatchObject({ cancelled: false, mapDataBlocks: blocks, mapZeroBlocks: 0, bytesResumed: 0 });
    expect(outcome.root).toBe(manifest.root);
    expect(outcome.loc.path).toBe(join(options.spool, `${runId}.loc`));
    expect(outcome.bytesReferenced).toBeGreaterThan(blocks * block);
    expect(outcome.position).toBe(manifest.size);
    const { position, bytesCloned, bytesCopied } = outcome;
    expect(run.progress()).toEqual({ position, bytesJoined: 0, bytesCloned, bytesCopied });
    if (mode === 'copy') {
      expect(outcome.packs).toEqual([`${runId}00000000`]);
      expect(bytesCloned + bytesCopied).toBe(outcome.bytesReferenced);
    } else {
      expect(outcome.packs.toSorted()).toEqual(ids);
      expect(bytesCloned + bytesCopied).toBe(0);
    }
    expect(run.given).toEqual(mode === 'copy' ? outcome.packs : []);
    const chain = [{ loc: outcome.loc, dig: outcome.dig, size: manifest.size }];
    const verify = native.startVerify({ ...options, chain, samplePercent: 100, seed: 0, threads: 0, suspects: [] });
    expect(await verify.finished).toMatchObject({ root: manifest.root, damage: [], blocksChecked: blocks });
  });

  it('goes on after packs that were stored', async () => {
    const { options } = await bench();
    const start = (runId: string, resume: SynthesisOptions['resume']) =>
      storing(options.packs.folder, (onPack) =>
        native.startSynthesis({ ...options, runId, mode: 'copy', resume, assembly: [], onPack }),
      );
    const first = await start('a2'.repeat(12), []).finished;
    const place = (id: string) => ({ id, path: join(options.packs.folder, id.slice(-2), id), bytes: 0 });
    const again = start('a3'.repeat(12), first.packs.map(place));
    const second = await again.finished;
    expect(second.packs).toEqual(first.packs);
    expect(second.bytesResumed).toBe(first.bytesReferenced);
    expect(again.given).toEqual([]);
  });

  it('ends when cancelled, and refuses what makes no sense', async () => {
    const { options, manifest } = await bench();
    const order = {
      ...options,
      runId: 'a5'.repeat(12),
      mode: 'reference',
      resume: [],
      assembly: [],
      onPack: () => undefined,
    } as const;
    const wrong = expect.objectContaining({ code: 'NATIVE_ARGUMENT' });
    expect(() => native.startSynthesis({ ...order, size: 4096 })).toThrow(wrong);
    expect(() => native.startSynthesis({ ...order, mode: 'move' as never })).toThrow(wrong);
    expect(() => native.startSynthesis({ ...order, clone: 'perhaps' as never })).toThrow(wrong);
    expect(() => native.startSynthesis({ ...order, packSize: 4096 })).toThrow(wrong);
    expect(() => native.startSynthesis({ ...order, onPack: 5 as never })).toThrow(wrong);
    expect(() => native.startSynthesis({ ...order, resume: [{ id: 'x', path: '', bytes: 0 }] })).toThrow(wrong);
    // The run may have come to its end before it is told.
    const run = native.startSynthesis(order);
    run.cancel();
    const { cancelled, root } = await run.finished;
    expect([true, manifest.root]).toContain(cancelled || root);
  });
});

describe('startRelocation', () => {
  it('moves what a live chain shows of a sparse pack', async () => {
    const { options, manifest, ids } = await bench();
    const { chain, size: _, ...rest } = options;
    const runId = 'b1'.repeat(12);
    const [sparse = ''] = await native.packsOf(options.vault, chain[1]?.loc as never);
    const run = storing(options.packs.folder, (onPack) =>
      native.startRelocation({
        ...rest,
        runId,
        live: [chain],
        columns: chain.map(({ loc }) => loc),
        sparse: [sparse],
        onPack,
      }),
    );
    const outcome = await run.finished;
    expect(ids).toContain(sparse);
    expect(outcome).toMatchObject({ cancelled: false, packs: [`${runId}00000000`] });
    expect(run.given).toEqual(outcome.packs);
    expect(outcome.bytesTotal).toBe(outcome.bytesCloned + outcome.bytesCopied);
    expect(outcome.bytesTotal).toBeGreaterThan((blocks - 2) * block);
    expect(outcome.columns.map(({ path }) => path)).toEqual(
      [0, 1].map((n) => join(options.spool, `${runId}.${n}.loc`)),
    );
    const moved = chain.map((layer, n) => ({ ...layer, loc: outcome.columns[n] ?? layer.loc }));
    const { packs } = await native.statistics({ vault: options.vault, chain: moved, blockSize: options.blockSize });
    expect(packs).not.toContain(sparse);
    const verify = native.startVerify({
      ...options,
      chain: moved,
      samplePercent: 100,
      seed: 0,
      threads: 0,
      suspects: [],
    });
    expect(await verify.finished).toMatchObject({ root: manifest.root, damage: [], blocksChecked: blocks });
  });
});
