/** A repair of many kinds of damage, broken at every step: nothing gets worse, and the next repair finishes. */
import { cp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { flipByte } from '../e2e/images.ts';
import { openBench } from '../e2e/strata.ts';
import { makeBytes } from '../model/bytes.ts';
import { openEngine } from '../model/engine.ts';
import { memoryPlace } from '../unit/scratch.ts';
import { someOf, traceSteps } from './steps.ts';

const block = 65536;
const bench = await openBench('', memoryPlace);
const repo = bench.path('repo');
const cache = (at: string) => ({ XDG_CACHE_HOME: `${at}.cache` });
/** By point. */
const contents = new Map<string, Buffer>();

const disk = bench.path('disk.img');
const content = makeBytes(20 * block, 1);
const backUp = async (code = 0): Promise<string> => {
  await writeFile(disk, content);
  const words = ['backup', disk, '--repo', repo, '--machine', 'm'];
  const { point } = (await bench.events(words, { code, env: cache(repo) })).at(-1);
  contents.set(point, Buffer.from(content));
  return point;
};

await bench.document(['init', '--repo', repo, '--no-encryption', '--block-size', '64K']);
const points: string[] = [];
for (let n = 0; n < 3; n++) {
  points.push(await backUp());
  makeBytes(2 * block, 10 + n).copy(content, (3 * n + 1) * block);
}
const [full = '', second = '', third = ''] = points;
const packOf = (point: string) => `${repo}/packs/00/${point}00000000`;
// A frame of the second point that a backup stores anew; a pack without an end; columns of two maps; a mark.
await flipByte(packOf(second), 16 + 200);
await bench.events(['verify', '--all', '--repo', repo], { code: 13 });
await backUp(3);
await truncate(packOf(third), (await stat(packOf(third))).size - 5);
await rm(`${repo}/maps/${full}.dig`);
await rm(`${repo}/maps/${third}.loc`);
await bench.document(['protect', second, '--repo', repo]);
await flipByte(`${repo}/marks/${second}.protected.1`, 90);

const repairOf = (at: string) => ['repair', '--repo', at, '--json'];

/** The points of a repository that restore bit for bit; the others must fail. */
async function whole(at: string): Promise<string[]> {
  const engine = await openEngine(at);
  const good: string[] = [];
  for (const [point, bytes] of contents) {
    try {
      await engine.expectContent(point, bytes);
      good.push(point);
    } catch (error) {
      expect(error, point).toMatchObject({ exitCode: 13 });
    }
  }
  await engine.close();
  return good;
}

const before = await whole(repo);
const traced = bench.path('traced');
await cp(repo, traced, { recursive: true });
const steps = (await traceSteps(bench, repairOf(traced))).filter(({ name }) => name !== 'store.read');

test('unbroken, it mends all of it', async () => {
  expect(before).toEqual([full]);
  expect(await whole(traced)).toEqual([...contents.keys()]);
  expect((await bench.events(['verify', '--all', '--repo', traced])).at(-1).damaged).toBe(0);
  expect(steps.length).toBeGreaterThan(40);
});

for (const fault of ['kill', 'eio'] as const) {
  test.for(someOf(steps))(`${fault} at $name, passage $passage`, { concurrent: true }, async ({ name, passage }) => {
    const at = bench.path(`${name}-${passage}-${fault}`);
    await cp(repo, at, { recursive: true });
    const env = { STRATA_FAILPOINT: `${name}:${passage}:${fault}` };
    const broken = await bench.strata(repairOf(at), { env });
    if (fault === 'kill') expect(broken.code).toBe(null);
    else expect([1, 3, 13], broken.stdout + broken.stderr).toContain(broken.code);
    expect(await whole(at)).toEqual(expect.arrayContaining(before));

    const [{ lost }] = (await bench.events(repairOf(at))).slice(-1);
    expect(lost).toEqual([]);
    expect(await whole(at)).toEqual([...contents.keys()]);
    const engine = await openEngine(at);
    expect(await engine.damaged()).toBe(0);
    expect((await engine.remains()).deadRuns).toEqual([]);
    await engine.close();
    await rm(at, { recursive: true, force: true });
  });
}
