import { describe, expect, it } from 'vitest';
import { findLiveChains, liveChains } from '../../../src/repository/live-chains.ts';
import { columnName, type Manifest, manifestName } from '../../../src/repository/manifest.ts';
import { writeMark } from '../../../src/repository/marks.ts';
import { listPoints, type Point } from '../../../src/repository/points.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import type { ObjectStore } from '../../../src/repository/stores/store.ts';
import { scratchRepository } from '../scratch.ts';
import { idFrom, putManifests, sampleManifest } from './manifests.ts';

/** A chain of points, each on the one before; ids begin with the names. */
function chain(...names: string[]): Manifest[] {
  return names.map((name, index) =>
    sampleManifest({
      id: idFrom(name),
      parent: index === 0 ? null : idFrom(names[index - 1] ?? ''),
      chainLength: index + 1,
      time: `2026-11-20T10:00:${String(index).padStart(2, '0')}.000Z`,
    }),
  );
}

async function withPoints(...manifests: Manifest[]): Promise<Repository> {
  const repo = await scratchRepository();
  await putManifests(repo, ...manifests);
  for (const { id } of manifests) {
    for (const column of ['loc', 'dig'] as const) await repo.store.put(columnName(id, column), Buffer.alloc(1000));
  }
  return repo;
}

/** The names of the points whose maps are in each chain of what is kept. */
async function live(repo: Repository, forgotten: readonly string[] = []): Promise<string[]> {
  const { points } = await listPoints(repo, { includeForgotten: true });
  const kept = points.filter(({ id }) => !forgotten.some((name) => id === idFrom(name)));
  const chains = await liveChains(repo, { points: kept, all: points });
  expect(chains).toHaveLength(kept.length);
  return chains.map((layers) => layers.map(({ loc }) => /maps\/(.*?)0*\.loc$/.exec(loc.path)?.[1]).join(' '));
}

describe('liveChains', () => {
  it('gives each kept point its own map when all are kept', async () => {
    const repo = await withPoints(...chain('a1', 'a2', 'a3'));
    expect(await live(repo)).toEqual(['a3', 'a2', 'a1']);
  });

  it('adds forgotten points down to the next kept one, and nothing below nobody', async () => {
    const repo = await withPoints(...chain('a1', 'a2', 'a3', 'a4', 'a5', 'a6'));
    expect(await live(repo, ['a2', 'a4', 'a5'])).toEqual(['a6 a5 a4', 'a3 a2', 'a1']);
    expect(await live(repo, ['a1', 'a2', 'a3', 'a6'])).toEqual(['a5', 'a4 a3 a2 a1']);
    expect(await live(repo, ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'])).toEqual([]);
  });

  it('follows forks each for itself', async () => {
    const fork = [
      sampleManifest({ id: idFrom('b1'), parent: idFrom('a2'), chainLength: 3, time: '2026-11-20T11:00:00.000Z' }),
      sampleManifest({ id: idFrom('b2'), parent: idFrom('b1'), chainLength: 4, time: '2026-11-20T12:00:00.000Z' }),
    ];
    const repo = await withPoints(...chain('a1', 'a2', 'a3'), ...fork);
    expect(await live(repo, ['a2'])).toEqual(['b2', 'b1 a2', 'a3 a2', 'a1']);
  });

  it('gives the chains in the order of the points that are asked for', async () => {
    const repo = await withPoints(...chain('a1', 'a2', 'a3'));
    const { points } = await listPoints(repo);
    const chains = await liveChains(repo, { points: points.toReversed(), all: points });
    expect(chains.map(([layer]) => layer?.loc.path)).toEqual(
      ['a1', 'a2', 'a3'].map((name) => repo.store.localPath(columnName(idFrom(name), 'loc'))),
    );
  });

  it('names the kept point whose chain has lost a manifest, wherever that was', async () => {
    for (const lost of ['a1', 'a2', 'a3']) {
      const repo = await withPoints(...chain('a1', 'a2', 'a3', 'a4'));
      await repo.store.remove(manifestName(idFrom(lost)));
      const next = idFrom(`a${Number(lost[1]) + 1}`);
      await expect(live(repo)).rejects.toMatchObject({
        code: 'CHAIN_BROKEN',
        message: `restore point ${next} depends on ${idFrom(lost)}, which is missing`,
      });
    }
    const damaged = await withPoints(...chain('a1', 'a2', 'a3').slice(1));
    await damaged.store.put(manifestName(idFrom('a1')), Buffer.from('garbage'));
    await expect(live(damaged, ['a2'])).rejects.toMatchObject({
      code: 'CHAIN_BROKEN',
      message: `restore point ${idFrom('a3')} depends on ${idFrom('a1')}, which is damaged`,
    });
  });

  it('does not care for what is lost below points that nobody keeps', async () => {
    const repo = await withPoints(...chain('a1', 'a2'), ...chain('b1'));
    await repo.store.remove(manifestName(idFrom('a1')));
    expect(await live(repo, ['a2'])).toEqual(['b1']);
  });

  it('does not go round in a circle, nor mix block sizes', async () => {
    const [a1, a2, a3] = chain('a1', 'a2', 'a3') as [Manifest, Manifest, Manifest];
    const ring = await withPoints({ ...a1, kind: 'incremental', parent: a2.id, chainLength: 2 }, a2, a3);
    await expect(live(ring, ['a1', 'a2'])).rejects.toMatchObject({
      code: 'CHAIN_BROKEN',
      params: { point: a3.id, reason: 'depends on it in turn' },
    });
    const map = { ...a1.map, zeroBlocks: 0, dataBlocks: 1 };
    const mixed = await withPoints({ ...a1, blockSize: 131072, map }, a2);
    await expect(live(mixed)).rejects.toMatchObject({ code: 'CHAIN_BROKEN', params: { missing: a1.id } });
  });

  it('misses a map of a kept point and of a forgotten one below it, but only columns that are asked for', async () => {
    for (const column of ['loc', 'dig'] as const) {
      const repo = await withPoints(...chain('a1', 'a2', 'a3'));
      await repo.store.remove(columnName(idFrom('a2'), column));
      await expect(live(repo)).rejects.toMatchObject({ code: 'MAP_MISSING' });
      await expect(live(repo, ['a2'])).rejects.toMatchObject({ code: 'MAP_MISSING' });
      expect(await live(repo, ['a2', 'a3'])).toEqual(['a1']);
      const { points } = await listPoints(repo);
      const other = column === 'loc' ? 'dig' : 'loc';
      expect(await liveChains(repo, { points, all: points, columns: [other] })).toHaveLength(3);
    }
  });

  it('finds columns where they lie now', async () => {
    const repo = await withPoints(...chain('a1', 'a2'));
    const { points } = await listPoints(repo);
    const name = `maps/${idFrom('a1')}.loc.2`;
    await repo.store.put(name, Buffer.alloc(700));
    const loc = { name, bytes: 700, indexOffset: 300, indexLength: 400, indexDigest: 'ef'.repeat(32) };
    await writeMark(repo, idFrom('a1'), 'moved', true, { loc });
    await repo.store.remove(columnName(idFrom('a1'), 'loc'));
    const [, [layer] = []] = await liveChains(repo, { points, all: points });
    expect(layer?.loc).toMatchObject({ path: repo.store.localPath(name), indexOffset: 300 });
  });

  it('reaches down to the points that are asked for besides, and can go on with those that are whole', async () => {
    const repo = await withPoints(...chain('a1', 'a2', 'a3', 'a4'), ...chain('b1'), ...chain('c1', 'c2'));
    const all = (await listPoints(repo)).points;
    const named = (...names: string[]) => names.map((name) => all.find(({ id }) => id === idFrom(name)) as Point);
    await repo.store.remove(columnName(idFrom('b1'), 'dig'));
    await repo.store.remove(manifestName(idFrom('c1')));
    const points = named('c2', 'a4', 'b1');
    const { chains, broken } = await findLiveChains(repo, {
      points,
      besides: named('a2'),
      all: all.filter(({ id }) => id !== idFrom('c1')),
    });
    expect(chains.map((part) => part?.length ?? null)).toEqual([null, 2, null]);
    expect(broken.map(({ code }) => code).sort()).toEqual(['CHAIN_BROKEN', 'MAP_MISSING']);
  });

  it('looks at each map of a long chain once', async () => {
    const names = Array.from({ length: 3000 }, (_, n) => `c${String(n).padStart(4, '0')}`);
    const repo = await scratchRepository();
    const points = chain(...names).map((manifest) => ({ id: manifest.id, manifest }) as never);
    let stats = 0;
    const store: Pick<ObjectStore, 'names' | 'bring' | 'localPath'> = {
      names: (prefix) => repo.store.names(prefix),
      bring: async (objects) => {
        stats += objects.length;
        return objects.map(() => 1000);
      },
      localPath: (name) => name,
    };
    const counted = { ...repo, store } as unknown as Repository;
    const kept = points.filter((_, n) => n % 3 === 0);
    const chains = await liveChains(counted, { points: kept, all: points });
    expect(chains.flat()).toHaveLength(2998);
    expect(stats).toBe(2 * 2998);
  });
});
