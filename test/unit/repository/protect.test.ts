import { describe, expect, it } from 'vitest';
import { manifestName } from '../../../src/repository/manifest.ts';
import { readMarks, writeMark } from '../../../src/repository/marks.ts';
import { listPoints } from '../../../src/repository/points.ts';
import { protectPoint } from '../../../src/repository/protect.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { scratchRepository } from '../scratch.ts';
import { idFrom, putManifests, sampleManifest } from './manifests.ts';

const manifest = sampleManifest({ id: idFrom('aaaa') });
const { id, machine, disk, time } = manifest;
const forReal = { dryRun: false };

async function filled(): Promise<Repository> {
  const repo = await scratchRepository();
  await putManifests(repo, manifest);
  return repo;
}

async function isProtected(repo: Repository): Promise<boolean | undefined> {
  return (await listPoints(repo)).points[0]?.protected;
}

async function marks(repo: Repository): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of repo.store.list('marks/')) names.push(name);
  return names;
}

describe('protectPoint', () => {
  it('protects a point and takes that back, and says whether it was so before', async () => {
    const repo = await filled();
    const common = { dryRun: false, point: id, machine, disk, time };
    const steps = [
      [false, false],
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ] as const;
    for (const [wanted, changed] of steps) {
      expect(await protectPoint(repo, 'web1/sda@latest', wanted, forReal)).toEqual({
        ...common,
        protected: wanted,
        changed,
      });
      expect(await isProtected(repo)).toBe(wanted);
    }
    expect(await marks(repo)).toEqual([`marks/${id}.protected.2`]);
  });

  it('writes nothing when it is only tried', async () => {
    const repo = await filled();
    expect(await protectPoint(repo, 'aaaa', true, { dryRun: true })).toMatchObject({ dryRun: true, changed: true });
    expect(await marks(repo)).toEqual([]);
  });

  it('writes a mark anew that is damaged', async () => {
    for (const wanted of [true, false]) {
      const repo = await filled();
      await repo.store.put(`marks/${id}.protected.1`, Buffer.from('garbage'));
      expect(await protectPoint(repo, 'aaaa', wanted, forReal)).toMatchObject({ changed: true, protected: wanted });
      expect((await readMarks(repo)).damaged).toEqual([]);
      expect(await isProtected(repo)).toBe(wanted);
    }
  });

  it('refuses a point that is not there, forgotten, or cannot be told', async () => {
    const repo = await filled();
    await expect(protectPoint(repo, 'bbbb', true, forReal)).rejects.toMatchObject({ code: 'POINT_NOT_FOUND' });
    await repo.store.put(manifestName(idFrom('cccc')), Buffer.from('garbage'));
    await expect(protectPoint(repo, 'web1/sda@latest', true, forReal)).rejects.toMatchObject({
      code: 'POINT_IN_DOUBT',
    });
    await writeMark(repo, id, 'forgotten', true);
    await expect(protectPoint(repo, 'aaaa', true, forReal)).rejects.toMatchObject({ code: 'POINT_NOT_FOUND' });
    expect(await marks(repo)).toEqual([`marks/${id}.forgotten.1`]);
  });

  it('says so when the point was forgotten, or the mark changed, at the same time', async () => {
    const cases = [
      ['forgotten', true, 'POINT_NOT_FOUND'],
      ['protected', false, 'MARK_LOST'],
    ] as const;
    for (const [kind, value, code] of cases) {
      const repo = await filled();
      const { store } = repo;
      const put = store.put.bind(store);
      store.put = async (name, content) => {
        store.put = put;
        await put(name, content);
        await writeMark(repo, id, kind, value);
      };
      await expect(protectPoint(repo, 'aaaa', true, forReal)).rejects.toMatchObject({ code });
    }
  });
});
