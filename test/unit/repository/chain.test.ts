import { describe, expect, it } from 'vitest';
import { chainOf } from '../../../src/repository/chain.ts';
import { columnName, type Manifest, manifestName } from '../../../src/repository/manifest.ts';
import { writeMark } from '../../../src/repository/marks.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { scratchRepository } from '../scratch.ts';
import { idFrom, putManifests, sampleManifest } from './manifests.ts';

const full = sampleManifest({ id: idFrom('aa'), size: 500_000, map: { ...sampleManifest().map, dataBlocks: 1 } });
const middle = sampleManifest({ id: idFrom('bb'), parent: full.id });
const newest = sampleManifest({ id: idFrom('cc'), parent: middle.id, chainLength: 3 });

async function withPoints(...manifests: Manifest[]): Promise<Repository> {
  const repo = await scratchRepository();
  await putManifests(repo, ...manifests);
  for (const { id } of manifests) {
    for (const column of ['loc', 'dig'] as const) await repo.store.put(columnName(id, column), Buffer.alloc(1000));
  }
  return repo;
}

describe('chainOf', () => {
  it('gives manifests and maps, newest first, through forgotten points too', async () => {
    const repo = await withPoints(full, middle, newest);
    await writeMark(repo, middle.id, 'forgotten', true);
    const { manifests, layers } = await chainOf(repo, newest);
    expect(manifests.map(({ id }) => id)).toEqual([newest.id, middle.id, full.id]);
    expect(layers.map(({ size }) => size)).toEqual([1_000_000, 1_000_000, 500_000]);
    expect(layers[2]?.loc).toEqual({
      path: repo.store.localPath(columnName(full.id, 'loc')),
      indexOffset: 500,
      indexLength: 500,
      indexDigest: 'cd'.repeat(32),
    });
    expect(layers[2]?.dig.path).toBe(repo.store.localPath(columnName(full.id, 'dig')));
  });

  it('names the point that is missing or damaged', async () => {
    const repo = await withPoints(middle, newest);
    const broken = { code: 'CHAIN_BROKEN', exitCode: 13 };
    await expect(chainOf(repo, newest)).rejects.toMatchObject({
      ...broken,
      message: `restore point ${newest.id} depends on ${full.id}, which is missing`,
    });
    await repo.store.put(manifestName(full.id), Buffer.from('garbage'));
    await expect(chainOf(repo, newest)).rejects.toMatchObject({
      ...broken,
      message: `restore point ${newest.id} depends on ${full.id}, which is damaged`,
    });
  });

  it('does not go round in a circle', async () => {
    const ring = sampleManifest({ id: middle.id, parent: newest.id, chainLength: 4 });
    const repo = await withPoints(ring, newest);
    await expect(chainOf(repo, newest)).rejects.toMatchObject({ code: 'CHAIN_BROKEN', params: { missing: newest.id } });
  });

  it('does not mix block sizes', async () => {
    const repo = await withPoints(
      sampleManifest({ id: full.id, blockSize: 131072, map: { ...full.map, zeroBlocks: 0 } }),
      middle,
    );
    await expect(chainOf(repo, middle)).rejects.toMatchObject({ code: 'CHAIN_BROKEN', params: { missing: full.id } });
  });

  it('misses a column, or a part of one, only when it is asked for', async () => {
    const repo = await withPoints(full, middle, newest);
    await repo.store.remove(columnName(middle.id, 'dig'));
    expect((await chainOf(repo, newest, ['loc'])).layers).toHaveLength(3);
    await expect(chainOf(repo, newest)).rejects.toMatchObject({ code: 'MAP_MISSING', exitCode: 13 });
    await repo.store.put(columnName(middle.id, 'dig'), Buffer.alloc(999));
    await expect(chainOf(repo, newest)).rejects.toMatchObject({
      code: 'MAP_DAMAGED',
      params: { reason: 'it has 999 bytes instead of 1000' },
    });
  });
});
