/** Damage of each kind as a person meets it: what repair says, what it mends, and what a backup after it brings back. */
import { randomBytes } from 'node:crypto';
import { cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { flipByte, mib } from './images.ts';
import { type Json, openBench, treeDigest } from './strata.ts';

const bench = await openBench('a passphrase');
const good = bench.path('good');
const bad = bench.path('bad');
const disk = bench.path('disk.img');
const other = bench.path('other.img');
const block = 256 * 1024;
/** Of web1/disk.img: a full of 8 blocks, and one with block 2 changed; of web2/other.img, a copy of the full. */
const points = { full: '', next: '', copy: '' };
const contents = new Map<string, Buffer>();

async function backUp(repo: string, source: string, machine: string, code = 0): Promise<Json> {
  const result = (await bench.events(['backup', source, '--repo', repo, '--machine', machine], { code })).at(-1);
  contents.set(result.point, await readFile(source));
  return result;
}

beforeAll(async () => {
  await bench.document(['init', '--repo', good]);
  const content = randomBytes(2 * mib);
  await writeFile(disk, content);
  await writeFile(other, content);
  points.full = (await backUp(good, disk, 'web1')).point;
  points.copy = (await backUp(good, other, 'web2')).point;
  randomBytes(block).copy(content, 2 * block);
  await writeFile(disk, content);
  points.next = (await backUp(good, disk, 'web1')).point;
});

async function damaged(damage: (path: (name: string) => string) => Promise<void>): Promise<void> {
  await rm(bad, { recursive: true, force: true });
  await cp(good, bad, { recursive: true });
  await damage((name) => join(bad, name));
}

const pack = (point: string) => `packs/00/${point}00000000`;
const repair = (code: number, ...words: string[]) => bench.events(['repair', ...words, '--repo', bad], { code });

/** Restores a point, which must be bit-exact, or be refused with the exit code of damage. */
async function restores(point: string): Promise<boolean> {
  const to = bench.path('restored.img');
  const { code, stderr } = await bench.strata(['restore', point, '--to', to, '--force', '--repo', bad]);
  if (code === 0) expect((await readFile(to)).equals(contents.get(point) ?? Buffer.alloc(0))).toBe(true);
  else expect([code, stderr]).toEqual([13, expect.stringMatching(/^strata: .*\n {2}\S.*\n$/)]);
  return code === 0;
}

const mendable: [string, (path: (name: string) => string) => Promise<void>, string[]][] = [
  ['a location map', (path) => flipByte(path(`maps/${points.full}.loc`), 120), ['loc']],
  ['a location map that is gone', (path) => rm(path(`maps/${points.next}.loc`)), ['loc']],
  ['a digest map', (path) => flipByte(path(`maps/${points.copy}.dig`), 120), ['dig']],
  ['a digest map that is cut', (path) => truncate(path(`maps/${points.next}.dig`), 70), ['dig']],
  ['the end of a pack', (path) => flipByte(path(pack(points.next)), block + 16 + 80 + 85), ['loc']],
  ['the beginning of a pack', (path) => flipByte(path(pack(points.next)), 3), ['loc']],
];

test.for(mendable)('%s is mended', async ([, damage, columns]) => {
  await damaged(damage);
  await bench.events(['verify', '--all', '--repo', bad], { code: 13 });
  const before = await treeDigest(bad);
  const planned = (await repair(0, '--dry-run')).at(-1);
  expect(await treeDigest(bad)).toBe(before);
  const result = (await repair(0)).at(-1);
  expect(result).toMatchObject({ lost: [], dropped: [], needsBackup: 0, dryRun: false });
  expect(result.mended.map(({ column }: Json) => column)).toEqual(columns);
  expect(planned).toMatchObject({ dryRun: true, lost: [] });
  expect(planned.mended.map(({ point, column }: Json) => [point, column])).toEqual(
    result.mended.map(({ point, column }: Json) => [point, column]),
  );
  for (const point of Object.values(points)) expect(await restores(point)).toBe(true);
  await bench.events(['verify', '--all', '--repo', bad]);
});

const losses: [string, (path: (name: string) => string) => Promise<void>][] = [
  ['a damaged frame', (path) => flipByte(path(pack(points.next)), 16 + 80 + 5000)],
  ['a lost pack', (path) => rm(path(pack(points.next)))],
];

test.for(losses)('%s is named, read again by the next backup, and mended with that', async ([, damage]) => {
  await damaged(damage);
  const { code, stdout } = await bench.strata(['repair', '--repo', bad]);
  expect(code).toBe(13);
  expect(stdout).toMatch(
    new RegExp(`^lost ${points.next} web1/disk.img \\S+ ${block} bytes at ${2 * block}: .*pack`, 'm'),
  );
  expect(stdout).toMatch(/^back up web1\/disk.img: the next backup reads 1 blocks again$/m);
  const found = (await repair(13, '--quick')).at(-1);
  expect(found.lost).toMatchObject([{ point: points.next, offset: 2 * block, length: block }]);
  expect(found).toMatchObject({ needsBackup: 1, mended: [] });
  expect(await restores(points.next)).toBe(false);
  expect(await restores(points.full)).toBe(true);

  const healed = await backUp(bad, disk, 'web1', 3);
  expect(healed).toMatchObject({ kind: 'incremental', bytesNew: block });
  expect(await restores(healed.point)).toBe(true);
  const last = (await repair(0)).at(-1);
  expect(last).toMatchObject({ lost: [], mended: [{ point: points.next, column: 'loc' }] });
  expect(await restores(points.next)).toBe(true);
  await bench.events(['verify', '--all', '--repo', bad]);
});

test('a pack that two disks share is had again from either', async () => {
  await damaged((path) => rm(path(pack(points.full))));
  const lost = (await repair(13)).at(-1);
  const range = { offset: 0, length: 2 * mib };
  expect(lost.lost).toMatchObject([
    { point: points.next, offset: 0, length: 2 * block },
    { point: points.next, offset: 3 * block, length: 2 * mib - 3 * block },
    { point: points.copy, machine: 'web2', disk: 'other.img', ...range },
    { point: points.full, machine: 'web1', disk: 'disk.img', ...range },
  ]);
  expect(lost.needsBackup).toBe(7 + 8);
  const healed = await backUp(bad, other, 'web2', 3);
  expect(healed.bytesNew).toBe(2 * mib);
  await repair(0);
  for (const point of [...Object.values(points), healed.point]) expect(await restores(point)).toBe(true);
});

test('a point that cannot be had is forgotten only when told, and collection goes on', async () => {
  await damaged((path) => flipByte(path(`points/${points.full}`), 100));
  const result = (await repair(13)).at(-1);
  expect(result.lost).toMatchObject([
    { point: points.full, code: 'MANIFEST_DAMAGED', offset: null, length: null },
    { point: points.next, code: 'CHAIN_BROKEN', machine: 'web1' },
  ]);
  expect(result.dropped).toEqual([]);
  expect((await bench.strata(['gc', '--repo', bad])).code).toBe(13);
  const { stdout } = await bench.strata(['repair', '--repo', bad]);
  expect(stdout).toContain('strata repair --drop');
  expect((await repair(0, '--drop')).at(-1).dropped.sort()).toEqual([points.full, points.next].sort());
  expect((await bench.events(['gc', '--grace', '0', '--repo', bad])).at(-1).freed.points).toBe(2);
  expect(await restores(points.copy)).toBe(true);
});
