import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { firstReadable, listKnownPoints } from '../../../src/repository/known-points.ts';
import { manifestName } from '../../../src/repository/manifest.ts';
import { writeMark } from '../../../src/repository/marks.ts';
import { listPoints } from '../../../src/repository/points.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { selectPoint } from '../../../src/repository/select.ts';
import { scratchFolder, scratchRepository } from '../scratch.ts';
import { idFrom, putManifests, sampleManifest } from './manifests.ts';

const a = sampleManifest({ id: idFrom('aa'), time: '2026-11-20T10:00:00.000Z', tags: ['x'] });
const b = sampleManifest({ id: idFrom('bb'), time: '2026-11-21T10:00:00.000Z', parent: a.id, machine: 'secret-name' });
// Two at the same instant as b, which they equal: what stands alone comes first.
const synthesis = { of: b.id, mergedPoints: 2, mode: 'copy' } as const;
const c = sampleManifest({ id: idFrom('cc'), time: b.time, kind: 'synthetic', synthesis, machine: 'secret-name' });
const d = { ...c, id: idFrom('dd'), synthesis: { ...synthesis, mode: 'reference' } } as const;

let caches: string;

beforeEach(async () => {
  caches = await scratchFolder();
  process.env.XDG_CACHE_HOME = caches;
});

const keptAt = ({ config }: Repository) => join(caches, 'strata', config.id, 'points');

async function read(repo: Repository) {
  const { points, damaged } = await listPoints(repo);
  return { points: points.map(({ manifest: _, ...listed }) => listed), damaged };
}

async function damage(repo: Repository, id: string) {
  await writeFile(repo.store.localPath(manifestName(id)), 'garbage');
}

describe('listKnownPoints', () => {
  it.each(['secret', undefined])('gives what reading all gives, the first time and later (%s)', async (passphrase) => {
    const repo = await scratchRepository(passphrase);
    await putManifests(repo, d, a, c, b);
    await writeMark(repo, a.id, 'protected', true);
    for (let time = 0; time < 3; time++) expect(await listKnownPoints(repo)).toEqual(await read(repo));
    expect((await listKnownPoints(repo, { tag: 'a', limit: 1 })).points.map(({ id }) => id)).toEqual([c.id]);
  });

  it('follows points and marks that come, change and go', async () => {
    const repo = await scratchRepository();
    await putManifests(repo, a, b);
    await writeMark(repo, a.id, 'verified', true);
    await listKnownPoints(repo);
    await putManifests(repo, c);
    await writeMark(repo, a.id, 'verified', false);
    await writeMark(repo, b.id, 'forgotten', true);
    expect(await listKnownPoints(repo)).toEqual(await read(repo));
    await repo.store.remove(manifestName(c.id));
    await writeMark(repo, b.id, 'forgotten', false);
    expect(await listKnownPoints(repo)).toEqual(await read(repo));
    expect((await listKnownPoints(repo)).points.map(({ id }) => id)).toEqual([b.id, a.id]);
  });

  it('reads no manifest again, so damage is met by who reads the point', async () => {
    const repo = await scratchRepository();
    await putManifests(repo, a, c);
    const before = await listKnownPoints(repo);
    await damage(repo, c.id);
    expect(await listKnownPoints(repo)).toEqual(before);
    expect((await listPoints(repo)).damaged).toMatchObject([{ code: 'MANIFEST_DAMAGED' }]);
    const warnings: string[] = [];
    expect(await firstReadable(repo, before.points, (message) => warnings.push(message))).toMatchObject({ id: a.id });
    expect(warnings).toHaveLength(1);
    await expect(selectPoint(repo, c.id)).rejects.toMatchObject({ code: 'MANIFEST_DAMAGED' });
    await expect(selectPoint(repo, 'secret-name/sda@latest')).rejects.toMatchObject({ code: 'POINT_NOT_FOUND' });
  });

  it('names what was damaged when it was first read each time', async () => {
    const repo = await scratchRepository();
    await putManifests(repo, a, b);
    await damage(repo, a.id);
    for (let time = 0; time < 2; time++) {
      expect((await listKnownPoints(repo)).damaged).toMatchObject([{ name: manifestName(a.id) }]);
    }
  });

  it('keeps nothing that can be read without the passphrase', async () => {
    const repo = await scratchRepository('secret');
    await putManifests(repo, a, b, c);
    await listKnownPoints(repo);
    expect((await readFile(keptAt(repo))).includes('secret-name')).toBe(false);
  });

  it('takes a kept list that is damaged, foreign or unreadable for none', async () => {
    const [repo, other] = [await scratchRepository(), await scratchRepository()];
    await putManifests(repo, a, b);
    await putManifests(other, c, d);
    const whole = await listKnownPoints(repo);
    await listKnownPoints(other);
    const kept = await readFile(keptAt(repo));
    const flipped = Buffer.from(kept);
    flipped[kept.length - 20] = (flipped[kept.length - 20] ?? 0) ^ 1;
    for (const content of [flipped, kept.subarray(0, 100), Buffer.alloc(0), await readFile(keptAt(other))]) {
      await writeFile(keptAt(repo), content);
      expect(await listKnownPoints(repo)).toEqual(whole);
    }
    await rm(keptAt(repo));
    await mkdir(join(keptAt(repo), 'in the way'), { recursive: true });
    expect(await listKnownPoints(repo)).toEqual(whole);
  });
});
