/** Points that go by rules: what is said before, what is left after, and that what is left is whole. */
import { randomBytes } from 'node:crypto';
import { cp, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { manifestName } from '../../src/repository/manifest.ts';
import { readManifest } from '../../src/repository/points.ts';
import { sealRecord } from '../../src/repository/record.ts';
import { Repository } from '../../src/repository/repository.ts';
import { mib } from './images.ts';
import { type Json, openBench, sha256, treeDigest } from './strata.ts';

const bench = await openBench();
const disk = bench.path('disk.img');
const template = bench.path('template');
const days = ['2026-08-31', '2026-09-30', '2026-10-31', '2026-11-19', '2026-11-20'];
/** The repository of the running test; of each point in time its id, and what it holds. */
const repo = { location: '', env: {} as Record<string, string>, ids: [] as string[], hashes: [] as string[] };

/** Five points of a disk, each of which changed one of two blocks, as if made at 22:30 UTC of these days. */
beforeAll(async () => {
  const env = { STRATA_REPO: template };
  await bench.document(['init', '--no-encryption'], { env });
  await writeFile(disk, randomBytes(4 * mib));
  for (const [index] of days.entries()) {
    const file = await open(disk, 'r+');
    await file.write(randomBytes(mib / 4), 0, mib / 4, (index % 2) * mib);
    await file.close();
    const events = await bench.events(['backup', disk, '--machine', 'web1', '--disk', 'sda'], { env });
    repo.ids.push(events.at(-1).point);
    repo.hashes.push(await sha256(disk));
  }
  const opened = await Repository.open(template, async () => '');
  for (const [index, id] of repo.ids.entries()) {
    const name = manifestName(id);
    const manifest = { ...(await readManifest(opened, id)), time: `${days[index]}T22:30:00.000Z` };
    await opened.store.remove(name);
    await opened.store.put(name, sealRecord(opened.vault, name, manifest));
  }
  await opened.close();
});

beforeEach(async () => {
  repo.location = bench.path(`repo-${randomBytes(4).toString('hex')}`);
  // Of a cache of its own: that the manifests were changed under their names nobody is to expect.
  repo.env = { STRATA_REPO: repo.location, XDG_CACHE_HOME: `${repo.location}.cache` };
  await cp(template, repo.location, { recursive: true });
});

/** A row of the table about the point of this place in time. */
function row(index: number, rest: string): string {
  return `${repo.ids[index]?.slice(0, 8)}  ${days[index]}T22:30:00Z  web1/sda  ${rest}`;
}

async function listed(): Promise<string[]> {
  return (await bench.document(['points'], { env: repo.env })).map(({ id }: Json) => id);
}

describe('forget by rules', () => {
  const rules = ['--keep-last', '1', '--keep-monthly', '2', '--time-zone', 'Europe/Berlin'];

  test('tells a person what would go, why the rest stays and what that would free, and then does it', async () => {
    const rows = [
      'point     time                  disk      plan      frees  why',
      row(4, 'keep             newest, last 1, monthly 2026-11'),
      row(3, 'drop        0 B'),
      row(2, 'keep             monthly 2026-10'),
      row(1, 'drop        0 B'),
      // Of the first one only what later ones have changed is nobody else's: two blocks.
      row(0, 'drop  512.2 KiB'),
    ];
    const notes = 'free 512.2 KiB; hours, days and so on are those of Europe/Berlin';
    const before = await treeDigest(repo.location);
    const dry = await bench.strata(['forget', ...rules, '--dry-run'], { env: repo.env });
    expect(dry).toMatchObject({ code: 0, stderr: '' });
    expect(dry.stdout.trimEnd().split('\n')).toEqual([
      ...rows,
      'would forget 3 of 5 points, 3 of them kept for points that depend on them',
      `strata gc could ${notes}`,
    ]);
    expect(await treeDigest(repo.location)).toBe(before);

    const real = await bench.strata(['forget', ...rules], { env: repo.env });
    expect(real).toMatchObject({ code: 0, stderr: '' });
    expect(real.stdout.trimEnd().split('\n')).toEqual([
      ...rows,
      'forgot 3 of 5 points, 3 of them kept for points that depend on them',
      `strata gc can ${notes}`,
    ]);
    expect(await listed()).toEqual([repo.ids[4], repo.ids[2]]);
    for (const index of [4, 2]) {
      const target = bench.path(`restored-${repo.ids[index]}`);
      await bench.events(['restore', repo.ids[index] ?? '', '--to', target], { env: repo.env });
      expect(await sha256(target)).toBe(repo.hashes[index]);
    }
  });

  test('tells a program the same', async () => {
    const [first, second, third, fourth, last] = repo.ids;
    const expected = {
      timeZone: 'Europe/Berlin',
      forgotten: [fourth, second, first],
      neededByOthers: [fourth, second, first],
      bytesFreed: 0,
      bytesFreeable: 2 * (256 * 1024 + 80),
    };
    const dry = await bench.document(['forget', ...rules, '--dry-run'], { env: repo.env });
    expect(dry).toMatchObject({ dryRun: true, ...expected });
    expect(dry.points.map(({ id, keep, reasons }: Json) => [id, keep, reasons])).toEqual([
      [last, true, ['newest', 'last 1', 'monthly 2026-11']],
      [fourth, false, []],
      [third, true, ['monthly 2026-10']],
      [second, false, []],
      [first, false, []],
    ]);
    expect(dry.points[0]).toEqual({
      id: last,
      machine: 'web1',
      disk: 'sda',
      time: '2026-11-20T22:30:00.000Z',
      keep: true,
      reasons: ['newest', 'last 1', 'monthly 2026-11'],
      bytesFreeable: null,
    });
    expect(dry.points[4].bytesFreeable).toBe(expected.bytesFreeable);
    const real = await bench.document(['forget', ...rules], { env: repo.env });
    expect(real).toEqual({ ...dry, dryRun: false });
    expect((await bench.document(['forget', ...rules], { env: repo.env })).forgotten).toEqual([]);
  });

  test('has months as the time zone has them, by default that of the machine', async () => {
    const kept = async (words: string[], settings: Record<string, string> = {}) => {
      const line = ['forget', '--keep-monthly', '3', '--dry-run', ...words];
      const { points } = await bench.document(line, { env: { ...repo.env, ...settings } });
      return points.filter(({ keep }: Json) => keep).map(({ id }: Json) => repo.ids.indexOf(id));
    };
    expect(await kept(['--time-zone', 'UTC'])).toEqual([4, 2, 1]);
    // There the last evening of August is the first night of September.
    expect(await kept(['--time-zone', 'Europe/Berlin'])).toEqual([4, 2, 0]);
    expect(await kept([], { TZ: 'Europe/Berlin' })).toEqual([4, 2, 0]);
    expect(await kept(['--time-zone', 'utc'], { TZ: 'Europe/Berlin' })).toEqual([4, 2, 1]);
  });

  test('takes every rule', async () => {
    const counts = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'].flatMap((rule) => [
      `--keep-${rule}`,
      '1',
    ]);
    const tags = ['--keep-tag', 'a', '--keep-tag', 'b'];
    await bench.events(['backup', disk, '--machine', 'web1', '--disk', 'sdb', '--tag', 'b', '--tag', 'a'], repo);
    const line = [
      'forget',
      '--disk',
      'sdb',
      ...counts,
      '--keep-within',
      '1y6m',
      ...tags,
      '--time-zone',
      'UTC',
      '--dry-run',
    ];
    const { points } = await bench.document(line, repo);
    const [{ time, reasons }] = points;
    expect(reasons).toEqual([
      'newest',
      'last 1',
      `hourly ${time.slice(0, 10)} ${time.slice(11, 13)}:00+00:00`,
      `daily ${time.slice(0, 10)}`,
      expect.stringMatching(/^weekly \d{4}-W\d\d$/),
      `monthly ${time.slice(0, 7)}`,
      `yearly ${time.slice(0, 4)}`,
      'within 1y6m',
      'tag a',
      'tag b',
    ]);
  });

  test('leaves what is protected, and the last one that was verified', async () => {
    await bench.document(['protect', repo.ids[0] ?? ''], { env: repo.env });
    await bench.events(['verify', repo.ids[1] ?? '', repo.ids[2] ?? ''], { env: repo.env });
    const { points } = await bench.document(['forget', '--keep-within', '1h'], { env: repo.env });
    expect(points.map(({ reasons }: Json) => reasons.join())).toEqual([
      'newest,within 1h',
      '',
      'last verified',
      '',
      'protected',
    ]);
    expect(await listed()).toEqual([repo.ids[4], repo.ids[2], repo.ids[0]]);
  });

  test('goes by machine and disk', async () => {
    const words = ['backup', disk, '--machine', 'web2', '--disk', 'sda'];
    for (const _ of [1, 2]) await bench.events(words, { env: repo.env });
    const { forgotten } = await bench.document(['forget', '--machine', 'web2', '--keep-last', '1'], { env: repo.env });
    expect(forgotten).toHaveLength(1);
    expect(await listed()).toHaveLength(6);
  });

  test('refuses when what is kept could not be read, and drops nothing', async () => {
    await rm(join(repo.location, 'points', repo.ids[1] ?? ''));
    const { code, stderr } = await bench.strata(['forget', '--keep-last', '1'], { env: repo.env });
    expect(code).toBe(13);
    expect(stderr).toMatch(
      /^strata: nothing is forgotten by rules while points cannot be read: restore point .* depends/,
    );
    expect(await listed()).toHaveLength(4);
  });
});

test('a protected point is not forgotten until it is unprotected', async () => {
  const [id = ''] = repo.ids;
  const common = { dryRun: false, point: id, machine: 'web1', disk: 'sda', time: '2026-08-31T22:30:00.000Z' };
  expect(await bench.document(['protect', id, '--dry-run'], { env: repo.env })).toMatchObject({ dryRun: true });
  expect(await bench.document(['protect', id], { env: repo.env })).toEqual({
    ...common,
    protected: true,
    changed: true,
  });
  expect((await bench.strata(['protect', id], { env: repo.env })).stdout).toBe(
    `point ${id} (web1/sda 2026-08-31T22:30:00Z) is already protected\n`,
  );
  const refused = await bench.strata(['forget', id], { env: repo.env });
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`${id} is protected`) });
  expect((await bench.strata(['unprotect', id], { env: repo.env })).stdout).toBe(
    `point ${id} (web1/sda 2026-08-31T22:30:00Z) is now unprotected\n`,
  );
  await bench.document(['forget', id], { env: repo.env });
  expect(await listed()).not.toContain(id);
});
