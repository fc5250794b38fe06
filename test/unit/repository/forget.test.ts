import { describe, expect, it } from 'vitest';
import { forgetPoints } from '../../../src/repository/forget.ts';
import { writeMark } from '../../../src/repository/marks.ts';
import { listPoints } from '../../../src/repository/points.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { scratchRepository } from '../scratch.ts';
import { idFrom, putManifests, sampleManifest } from './manifests.ts';

const full = sampleManifest({ id: idFrom('aaaa'), time: '2026-11-20T10:00:00.000Z' });
const middle = sampleManifest({ id: idFrom('bbbb'), time: '2026-11-21T10:00:00.000Z', parent: full.id });
const newest = sampleManifest({
  id: idFrom('cccc'),
  time: '2026-11-22T10:00:00.000Z',
  parent: middle.id,
  chainLength: 3,
});

async function filled(): Promise<Repository> {
  const repo = await scratchRepository();
  await putManifests(repo, full, middle, newest);
  return repo;
}

async function kept(repo: Repository): Promise<string[]> {
  return (await listPoints(repo)).points.map(({ id }) => id.slice(0, 4));
}

describe('forgetPoints', () => {
  it('takes points from the lists and says which stay readable for others', async () => {
    const repo = await filled();
    expect(await forgetPoints(repo, ['aaaa', 'web1/sda@latest', 'cccc'])).toEqual({
      dryRun: false,
      forgotten: [full.id, newest.id],
      neededByOthers: [full.id],
      bytesFreed: 0,
    });
    expect(await kept(repo)).toEqual(['bbbb']);
    expect((await listPoints(repo, { includeForgotten: true })).points).toHaveLength(3);
    await expect(forgetPoints(repo, ['aaaa'])).rejects.toMatchObject({ code: 'POINT_NOT_FOUND' });
  });

  it('needs a whole chain for its newest point, and none for no point', async () => {
    const repo = await filled();
    expect((await forgetPoints(repo, ['aaaa', 'bbbb'], { dryRun: true })).neededByOthers).toEqual([full.id, middle.id]);
    expect((await forgetPoints(repo, ['aaaa', 'bbbb', 'cccc'], { dryRun: true })).neededByOthers).toEqual([]);
    expect(await kept(repo)).toEqual(['cccc', 'bbbb', 'aaaa']);
  });

  it('refuses a protected point, and then forgets none', async () => {
    const repo = await filled();
    await writeMark(repo, middle.id, 'protected', true);
    await expect(forgetPoints(repo, ['aaaa', 'bbbb'])).rejects.toMatchObject({ code: 'POINT_PROTECTED' });
    expect(await kept(repo)).toHaveLength(3);
  });

  it('refuses the last verified point of a disk', async () => {
    const repo = await filled();
    await putManifests(repo, sampleManifest({ id: idFrom('dddd'), disk: 'sdb' }));
    for (const id of [full.id, middle.id, idFrom('dddd')]) await writeMark(repo, id, 'verified', true);
    await expect(forgetPoints(repo, ['aaaa', 'bbbb'])).rejects.toMatchObject({
      code: 'POINT_LAST_VERIFIED',
      params: { disk: 'web1/sda' },
    });
    expect(await kept(repo)).toHaveLength(4);
    await forgetPoints(repo, ['aaaa']);
    await expect(forgetPoints(repo, ['bbbb'])).rejects.toMatchObject({ code: 'POINT_LAST_VERIFIED' });
  });
});
