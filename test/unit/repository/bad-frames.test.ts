import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { BadPlace } from '../../../src/native/maps.ts';
import { noteBadFrames, readBadFrames } from '../../../src/repository/bad-frames.ts';
import { collect } from '../../../src/repository/collection/collect.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { quiet, scratchRepository } from '../scratch.ts';

const pack = 'ab'.repeat(16);
const other = 'cd'.repeat(16);
const at = (...offsets: number[]): BadPlace[] => offsets.map((offset) => ({ pack, offset }));

async function names(repo: Repository): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of repo.store.list('bad/')) found.push(name);
  return found.sort();
}

it('adds what was found, takes out what is good, and keeps one record for each pack', async () => {
  const repo = await scratchRepository('secret');
  expect(await readBadFrames(repo)).toEqual({ places: [], unreadable: [] });
  await noteBadFrames(repo, at(500, 16), []);
  await noteBadFrames(repo, [...at(16, 700), { pack: other, offset: 16 }], []);
  expect(await names(repo)).toEqual([`bad/${pack}.2`, `bad/${other}.1`]);
  await noteBadFrames(repo, at(700), []);
  expect(await names(repo)).toEqual([`bad/${pack}.2`, `bad/${other}.1`]);
  await noteBadFrames(repo, at(900), at(16, 500));
  const { places } = await readBadFrames(repo);
  expect(places).toHaveLength(3);
  expect(places).toEqual(expect.arrayContaining([...at(700, 900), { pack: other, offset: 16 }]));
  await noteBadFrames(repo, [], at(700, 900));
  expect(await names(repo)).toEqual([`bad/${other}.1`]);
});

it('loses nothing when many write at once', async () => {
  const repo = await scratchRepository();
  await noteBadFrames(repo, at(1), []);
  await Promise.all([10, 20, 30, 40].map((offset) => noteBadFrames(repo, at(offset), [])));
  const { places } = await readBadFrames(repo);
  expect(places.map(({ offset }) => offset)).toEqual([1, 10, 20, 30, 40]);
});

it('counts a record that cannot be read as nothing, and says so', async () => {
  const repo = await scratchRepository();
  await noteBadFrames(repo, at(16), []);
  await writeFile(repo.store.localPath(`bad/${pack}.9`), 'no record');
  expect(await readBadFrames(repo)).toEqual({ places: [], unreadable: [`bad/${pack}.9`] });
  await noteBadFrames(repo, at(32), []);
  expect(await readBadFrames(repo)).toEqual({ places: at(32), unreadable: [] });
  expect(await names(repo)).toEqual([`bad/${pack}.10`]);
});

it('is collected with its pack', async () => {
  const repo = await scratchRepository();
  await noteBadFrames(repo, at(16), []);
  await collect(repo, { grace: 0, maxUnused: null, dryRun: false }, () => undefined, quiet());
  expect(await names(repo)).toEqual([]);
});
