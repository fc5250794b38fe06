/** One byte turned over in each kind of object: found and named by verify, refused by restore, never zeros instead. */
import { randomBytes } from 'node:crypto';
import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { flipByte, mib } from './images.ts';
import { type Json, openBench } from './strata.ts';

const bench = await openBench();
const good = bench.path('good');
const bad = bench.path('bad');
const disk = bench.path('disk.img');
const backup = { point: '', first: '' };

beforeAll(async () => {
  await bench.document(['init', '--repo', good, '--no-encryption']);
  const content = randomBytes(2 * mib);
  for (const point of ['first', 'point'] as const) {
    content.fill(point, mib);
    await writeFile(disk, content);
    backup[point] = (await bench.events(['backup', disk, '--repo', good, '--machine', 'm'])).at(-1).point;
  }
});

/** A copy of the repository in which `damage` was done to the one file that `name` begins. */
async function damaged(name: string, damage: (path: string, bytes: number) => Promise<void>): Promise<void> {
  await rm(bad, { recursive: true, force: true });
  await cp(good, bad, { recursive: true });
  const files = (await readdir(bad, { recursive: true })).filter((file) => file.startsWith(name)).sort();
  for (const file of files) {
    const { size } = await stat(join(bad, file));
    if ((await stat(join(bad, file))).isFile()) await damage(join(bad, file), size);
  }
}

/** What, in which file, at which byte, and whether a restore needs it. */
const flips: [string, () => string, (bytes: number) => number, boolean][] = [
  ['manifest, header', () => `points/${backup.point}`, () => 20, true],
  ['manifest, payload', () => `points/${backup.point}`, (bytes) => bytes - 5, true],
  ['location map, page header', () => `maps/${backup.point}.loc`, () => 16 + 20, true],
  ['location map, page payload', () => `maps/${backup.point}.loc`, () => 16 + 80 + 2, true],
  ['location map, index', () => `maps/${backup.point}.loc`, (bytes) => bytes - 3, true],
  ['location map, magic', () => `maps/${backup.point}.loc`, () => 3, true],
  ['digest map, magic', () => `maps/${backup.point}.dig`, () => 3, false],
  ['digest map, page payload', () => `maps/${backup.point}.dig`, () => 16 + 80 + 2, false],
  ['digest map, index', () => `maps/${backup.point}.dig`, (bytes) => bytes - 3, false],
  ['pack, frame header', () => 'packs/', () => 16 + 20, true],
  ['pack, frame payload', () => 'packs/', () => 16 + 80 + 10, true],
  ['pack, magic', () => 'packs/', () => 3, false],
  ['pack, index', () => 'packs/', (bytes) => bytes - 20, false],
  ['pack, trailer', () => 'packs/', (bytes) => bytes - 3, false],
];

test.for(flips)('a byte of the %s is found by verify, and not restored', async ([kind, name, place, needed]) => {
  await damaged(name(), (path, bytes) => flipByte(path, place(bytes)));
  const verified = (await bench.events(['verify', '--all', '--repo', bad], { code: 13 })).at(-1);
  expect(verified.damaged).toBeGreaterThanOrEqual(1);
  const found = verified.points.find(({ id }: Json) => id === backup.point);
  expect(found.ok).toBe(false);
  expect(found.damage[0].code).toMatch(/DAMAGED|MISSING/);
  if (kind.startsWith('pack, frame')) expect(found.damage[0].length).toBeGreaterThan(0);

  const words = ['restore', backup.point, '--to', bench.path('restored.img'), '--force', '--repo', bad];
  const { code, stderr } = await bench.strata(words);
  expect(code, stderr).toBe(needed ? 13 : 0);
  if (needed) expect(stderr).toMatch(/^strata: .*\n {2}\S.*\n$/);
  else expect((await readFile(bench.path('restored.img'))).equals(await readFile(disk))).toBe(true);
});

test('a damaged manifest is named beside the points that are whole', async () => {
  await damaged(`points/${backup.point}`, (path) => flipByte(path, 100));
  const { code, stdout, stderr } = await bench.strata(['points', '--json', '--repo', bad]);
  expect({ code, ids: JSON.parse(stdout).map(({ id }: Json) => id) }).toEqual({ code: 3, ids: [backup.first] });
  const warning = expect.stringMatching(new RegExp(`^strata: warning: .*${backup.point}.*\n$`));
  expect(stderr).toEqual(warning);
  const latest = await bench.strata(['show', 'm/disk.img@latest', '--json', '--repo', bad]);
  expect(latest).toEqual({ code: 3, stdout: expect.stringContaining(backup.first), stderr: warning });
});

test('a damaged pack that the newest point does not use leaves that point whole', async () => {
  await damaged('packs/', (path) => flipByte(path, 16 + 80 + 10));
  await rm(disk);
  await writeFile(disk, randomBytes(mib));
  const { point } = (await bench.events(['backup', disk, '--repo', bad, '--disk', 'other'])).at(-1);
  await bench.events(['verify', point, '--repo', bad]);
  await bench.events(['restore', point, '--to', bench.path('other.img'), '--repo', bad]);
  expect((await readFile(bench.path('other.img'))).equals(await readFile(disk))).toBe(true);
});

test('a pack that is gone is damage, too', async () => {
  await damaged('packs/', (path) => rm(path));
  const result = (await bench.events(['verify', backup.point, '--repo', bad], { code: 13 })).at(-1);
  expect(result.points[0].damage[0].code).toBe('PACK_MISSING');
});
