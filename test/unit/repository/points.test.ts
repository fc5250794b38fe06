import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { manifestName } from '../../../src/repository/manifest.ts';
import { writeMark } from '../../../src/repository/marks.ts';
import { listPoints, readManifest, readPoint } from '../../../src/repository/points.ts';
import { sealRecord } from '../../../src/repository/record.ts';
import { scratchRepository } from '../scratch.ts';
import { idFrom, putManifests, sampleManifest } from './manifests.ts';

const [a, b, c] = [
  sampleManifest({ id: idFrom('aa'), time: '2026-11-20T10:00:00.000Z', tags: ['x'] }),
  sampleManifest({ id: idFrom('bb'), time: '2026-11-21T10:00:00.000Z', disk: 'sdb', type: 'scheduled' }),
  sampleManifest({ id: idFrom('cc'), time: '2026-11-22T10:00:00.000Z', machine: 'web2', tags: ['x', 'y'] }),
];

describe('listPoints', () => {
  it('gives the newest first, with the fields of a list', async () => {
    const repo = await scratchRepository();
    await putManifests(repo, b, a, c);
    const { points, damaged } = await listPoints(repo);
    expect(points.map(({ id }) => id)).toEqual([c.id, b.id, a.id]);
    expect(damaged).toEqual([]);
    expect(points[2]).toEqual({
      id: a.id,
      machine: 'web1',
      disk: 'sda',
      time: a.time,
      kind: 'full',
      parent: null,
      chainLength: 1,
      size: 1_000_000,
      bytesStored: 200_000,
      type: 'manual',
      tags: ['x'],
      note: 'before the update',
      protected: false,
      verified: null,
      forgotten: false,
      manifest: a,
    });
  });

  it('puts what stands on a point of the same instant before it', async () => {
    const repo = await scratchRepository();
    const child = sampleManifest({ id: idFrom('ff'), time: a.time, parent: a.id });
    const grandchild = sampleManifest({ id: idFrom('11'), time: a.time, parent: child.id, chainLength: 3 });
    await putManifests(repo, child, grandchild, a);
    expect((await listPoints(repo)).points.map(({ id }) => id)).toEqual([grandchild.id, child.id, a.id]);
  });

  it('filters', async () => {
    const repo = await scratchRepository();
    await putManifests(repo, a, b, c);
    const ids = async (filter: object) => (await listPoints(repo, filter)).points.map(({ id }) => id.slice(0, 2));
    expect(await ids({ machine: 'web1' })).toEqual(['bb', 'aa']);
    expect(await ids({ disk: 'sda' })).toEqual(['cc', 'aa']);
    expect(await ids({ tag: 'x' })).toEqual(['cc', 'aa']);
    expect(await ids({ type: 'scheduled' })).toEqual(['bb']);
    expect(await ids({ limit: 2 })).toEqual(['cc', 'bb']);
    expect(await ids({ limit: 0 })).toEqual(['cc', 'bb', 'aa']);
    expect(await ids({ machine: 'web3' })).toEqual([]);
  });

  it('names damaged manifests beside the rest, and passes over what is none', async () => {
    const repo = await scratchRepository();
    await putManifests(repo, a);
    await repo.store.put(manifestName(idFrom('dd')), Buffer.from('garbage'));
    await repo.store.put(manifestName(idFrom('ee')), await repo.store.get(manifestName(a.id)));
    const newer = manifestName(idFrom('ff'));
    await repo.store.put(newer, sealRecord(repo.vault, newer, { format: 7 }));
    await writeFile(repo.store.localPath('points/readme.txt'), 'not a point');
    const { points, damaged } = await listPoints(repo);
    expect(points.map(({ id }) => id)).toEqual([a.id]);
    expect(damaged.map(({ name, code }) => [name.slice(7, 9), code]).sort()).toEqual([
      ['dd', 'MANIFEST_DAMAGED'],
      ['ee', 'MANIFEST_DAMAGED'],
      ['ff', 'FORMAT_NEWER'],
    ]);
  });

  it('shows marks, and forgotten points only when asked', async () => {
    const repo = await scratchRepository();
    await putManifests(repo, a, b);
    await writeMark(repo, a.id, 'protected', true);
    await writeMark(repo, a.id, 'verified', true);
    await writeMark(repo, b.id, 'forgotten', true);
    expect((await listPoints(repo)).points).toMatchObject([
      { id: a.id, protected: true, verified: expect.stringMatching(/^2/) },
    ]);
    expect((await listPoints(repo, { includeForgotten: true })).points).toMatchObject([
      { id: b.id, forgotten: true },
      { id: a.id },
    ]);
    await writeMark(repo, a.id, 'protected', false);
    await writeMark(repo, a.id, 'verified', false);
    expect((await listPoints(repo)).points).toMatchObject([{ id: a.id, protected: false, verified: null }]);
  });
});

describe('readManifest', () => {
  it('finds every byte that was changed', async () => {
    const repo = await scratchRepository('secret');
    await putManifests(repo, a);
    const stored = await repo.store.get(manifestName(a.id));
    for (let at = 0; at < stored.length; at++) {
      const id = at.toString(16).padStart(24, '0');
      const changed = Buffer.from(stored);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      await writeFile(repo.store.localPath(manifestName(id)), changed);
      await expect(readManifest(repo, id)).rejects.toMatchObject({ code: 'MANIFEST_DAMAGED' });
    }
  });

  it('knows of no point', async () => {
    const repo = await scratchRepository();
    await expect(readPoint(repo, idFrom('aa'))).rejects.toMatchObject({ code: 'POINT_NOT_FOUND' });
  });
});
