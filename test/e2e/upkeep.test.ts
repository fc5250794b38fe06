/** What keeps a repository in order, from the command line: merge, forget, collect, bring back, consolidate. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeBytes } from '../model/bytes.ts';
import { type Json, openBench, sha256, treeDigest } from './strata.ts';

const bench = await openBench();
const repo = bench.path('repo');
const disk = bench.path('disk.img');
const mib = 1024 ** 2;
const at = (...words: readonly string[]) => [...words, '--repo', repo];
const hashes = new Map<string, string>();

async function backup(n: number): Promise<string> {
  const image = await readFile(disk).catch(() => makeBytes(24 * mib, 1));
  makeBytes(2 * mib, 100 + n).copy(image, (n % 8) * 3 * mib);
  await writeFile(disk, image);
  const { point } = (await bench.events(at('backup', disk, '--machine', 'm', '--disk', 'd'))).at(-1);
  hashes.set(point, await sha256(disk));
  return point;
}

async function points(...options: readonly string[]): Promise<Json[]> {
  return bench.document(at('points', ...options));
}

async function expectContent(point: string, like: string): Promise<void> {
  const out = bench.path('out.img');
  await bench.events(at('restore', point, '--to', out, '--force'));
  expect(await sha256(out)).toBe(hashes.get(like));
}

const ids: string[] = [];

beforeAll(async () => {
  await bench.document(at('init', '--no-encryption'));
  for (let n = 0; n < 5; n++) ids.push(await backup(n));
}, 120_000);

describe('upkeep', { timeout: 120_000 }, () => {
  test('a dry run of each writes nothing', async () => {
    const before = await treeDigest(repo);
    await bench.events(at('synthesize', 'm/d', '--dry-run'));
    await bench.events(at('gc', '--grace', '0', '--dry-run'));
    await bench.events(at('consolidate', '--all', '--max-chain', '2', '--keep-last', '1', '--dry-run'));
    expect(await treeDigest(repo)).toBe(before);
  });

  test('a synthetic full says what moved', async () => {
    const { code, stdout } = await bench.strata(at('synthesize', 'm/d'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^point {3}[0-9a-f]{24} \(reference, 5 points of m\/d merged\)$/m);
    expect(stdout).toMatch(/^bytes {3}[\d.]+ MiB referred to where they lie, 0 B read and written$/m);
    const [newest] = await points();
    expect(newest).toMatchObject({ kind: 'synthetic', chainLength: 1 });
    await expectContent(newest.id, ids[4] ?? '');
    const again = await bench.strata(at('synthesize', 'm/d'));
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do for m/d') });
  });

  test('a killed copy is gone on with, and nothing is copied twice', async () => {
    const words = at('synthesize', 'm/d', '--at', ids[4] ?? '', '--mode', 'copy');
    const whole = (await bench.events([...words, '--dry-run'])).at(-1).bytesThroughClient;
    // Of its packs the first has its name; the process dies over the second.
    const killed = await bench.strata([...words, '--json'], { env: { STRATA_FAILPOINT: 'store.link:4:kill' } });
    expect(killed.code).toBeNull();
    const done = (await bench.events(words)).at(-1);
    expect(done.bytesResumed).toBeGreaterThanOrEqual(0);
    expect(done.bytesResumed + done.bytesThroughClient + done.bytesCopiedByStore).toBe(whole);
    await expectContent(done.point, ids[4] ?? '');
  });

  test('a forgotten point is listed as such, and can be brought back', async () => {
    const id = ids[1] ?? '';
    await bench.document(at('forget', id));
    await bench.events(at('gc'));
    expect((await points('--forgotten')).map((point) => point.id)).toEqual([id]);
    expect(await bench.document(at('undelete', id.slice(0, 8)))).toMatchObject({ point: id, machine: 'm', disk: 'd' });
    expect(await points('--forgotten')).toEqual([]);
    await expectContent(id, id);
    const twice = await bench.strata(at('undelete', id));
    expect(twice).toMatchObject({ code: 2, stderr: expect.stringContaining('was not forgotten') });
  });

  test('a consolidation merges, forgets and frees', async () => {
    await backup(5);
    const words = at('consolidate', 'm/d', '--max-chain', '1', '--keep-last', '1', '--grace', '0');
    const result = (await bench.events(words)).at(-1);
    expect(result).toMatchObject({ failed: 0, disks: [{ machine: 'm', disk: 'd', failure: null }] });
    expect(result.bytesFreed).toBeGreaterThan(0);
    const left = await points();
    expect(left).toHaveLength(1);
    await expectContent(left[0].id, [...hashes.keys()].at(-1) ?? '');
    await bench.events(at('verify', '--all'));
    const again = await bench.strata(words);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/0 points forgotten, 1 kept/) });
  });

  test('a broken disk keeps others from being freed, not from being consolidated', async () => {
    await bench.events(at('backup', disk, '--machine', 'm', '--disk', 'broken'));
    const [broken] = await points('--disk', 'broken');
    const map = join(repo, 'maps', `${broken.id}.loc`);
    const whole = await readFile(map);
    await writeFile(map, whole.subarray(1));
    await backup(6);
    const words = at('consolidate', '--all', '--max-chain', '1', '--keep-last', '1', '--grace', '0');
    const result = (await bench.events(words, { code: 13 })).at(-1);
    expect(result).toMatchObject({ collection: null, collectionFailure: { code: 'MAP_DAMAGED' }, bytesFreed: 0 });
    expect(result.disks.find((found: Json) => found.disk === 'd')).toMatchObject({
      failure: null,
      synthesis: { point: expect.stringMatching(/^[0-9a-f]{24}$/) },
      forgetting: { forgotten: [expect.any(String)] },
    });
    const { code, stdout } = await bench.strata(words);
    expect({ code, stdout }).toMatchObject({ code: 13, stdout: expect.stringMatching(/^nothing was collected: /m) });
    await writeFile(map, whole);
    expect((await bench.events(words)).at(-1)).toMatchObject({ collectionFailure: null, failed: 0 });
    // The last verified one stays, too.
    const [newest, verified, ...others] = await points('--disk', 'd');
    expect([newest.kind, verified.verified, others]).toEqual(['synthetic', expect.any(String), []]);
    await expectContent(newest.id, [...hashes.keys()].at(-1) ?? '');
  });

  test('what cannot be done is refused in one line', async () => {
    const refused: readonly [readonly string[], number, RegExp][] = [
      [['synthesize', 'm'], 2, /m is no disk; write MACHINE\/DISK/],
      [['synthesize', 'm/none'], 1, /no restore point m\/none@latest/],
      [['synthesize', 'm/d', '--require-clone'], 2, /goes with --mode copy only/],
      [['synthesize', 'm/d', '--mode', 'magic'], 2, /Allowed choices are reference, copy/],
      [['gc', '--grace', '-1h'], 2, /time such as 24h, 7d or 30min/],
      [['gc', '--grace', 'soon'], 2, /time such as 24h, 7d or 30min/],
      [['gc', '--max-unused', '0'], 2, /percentage above 0/],
      [['undelete', 'ffffffff'], 1, /no restore point ffffffff/],
      [['undelete', 'x'], 2, /is not the id of a point/],
      [['consolidate'], 2, /takes disks, or --all/],
      [['consolidate', 'm/d', '--all'], 2, /takes disks, or --all/],
      [['consolidate', '--all'], 2, /needs a longest chain/],
      [['consolidate', '--all', '--max-chain', '0'], 2, /whole number of 1 or more/],
      [['consolidate', 'm/none', '--max-chain', '2'], 1, /no restore point of m\/none/],
      [['consolidate', '--all', '--keep-last', '-1'], 2, /whole number of 1 or more/],
    ];
    for (const [words, exit, message] of refused) {
      const { code, stderr } = await bench.strata(at(...words));
      expect(stderr).toMatch(message);
      expect(code, words.join(' ')).toBe(exit);
    }
  });
});
