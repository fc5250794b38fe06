/** A backup that can be broken at every step, and what must hold afterwards. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { type Bench, type Outcome, openBench } from '../e2e/strata.ts';
import { makeBytes } from '../model/bytes.ts';
import { openEngine } from '../model/engine.ts';
import { memoryPlace } from '../unit/scratch.ts';
import { type Step, traceSteps } from './steps.ts';

const mib = 1024 ** 2;

export interface Stage {
  readonly bench: Bench;
  readonly steps: readonly Step[];
  /** Breaks a copy of the repository at a step, and checks all that must hold. */
  breakAt(step: Step, fault: 'kill' | 'eio' | 'enospc'): Promise<void>;
}

/**
 * A repository with one point of a disk, which has changed since: several packs to write, blocks that became zero,
 * and ones that stayed. `steps` are all that the next backup takes, seen by running it once on a copy.
 */
export async function setStage(): Promise<Stage> {
  const bench = await openBench('', memoryPlace);
  const repo = bench.path('repo');
  await bench.document(['init', '--repo', repo, '--no-encryption', '--block-size', '64K']);
  // Small packs, so that little data makes several.
  const config = JSON.parse(await readFile(`${repo}/strata.json`, 'utf8'));
  await writeFile(`${repo}/strata.json`, JSON.stringify({ ...config, packSize: 4 * mib }));

  const disk = bench.path('disk.img');
  const before = makeBytes(16 * mib, 1);
  const after = Buffer.from(before);
  makeBytes(9 * mib, 2).copy(after, 2 * mib);
  after.fill(0, 12 * mib, 13 * mib);
  await writeFile(disk, before);
  const backupTo = (at: string) => ['backup', disk, '--repo', at, '--machine', 'm', '--json'];
  const first = (await bench.events(backupTo(repo))).at(-1).point;
  await writeFile(disk, after);

  const breakAt = async ({ name, passage }: Step, fault: string) => {
    const at = bench.path(`${name}-${passage}-${fault}`);
    await cp(repo, at, { recursive: true });
    const env = { STRATA_FAILPOINT: `${name}:${passage}:${fault}`, XDG_CACHE_HOME: `${at}.cache` };
    const broken = await bench.strata(backupTo(at), { env });
    if (fault === 'kill') expect(broken.code).toBe(null);
    else expectTold(broken);

    const engine = await openEngine(at);
    expect(await engine.damaged()).toBe(0);
    const points = await engine.points();
    expect(points.at(-1)).toBe(first);
    if (broken.code === 3) expect(points).toHaveLength(2);
    await engine.expectContent(first, before);
    for (const point of points.slice(0, -1)) await engine.expectContent(point, after);

    // The next run finishes, and leaves nothing of the broken one but packs that it uses.
    await engine.expectContent(await engine.backup(disk, `${at}.cache`), after);
    expect(await engine.remains()).toEqual({ deadRuns: [], unusedPacks: { count: 0, bytes: 0 } });
    await engine.close();
    await Promise.all([at, `${at}.cache`].map((path) => rm(path, { recursive: true, force: true })));
  };

  const traced = bench.path('traced');
  await cp(repo, traced, { recursive: true });
  const steps = await traceSteps(bench, backupTo(traced), { XDG_CACHE_HOME: `${traced}.cache` });
  return { bench, steps, breakAt };
}

/** Never silent: an error with its code, or a warning when the point was made all the same. */
function expectTold({ code, stdout, stderr }: Outcome): void {
  expect([1, 3], stdout + stderr).toContain(code);
  expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '').event).toBe(code === 1 ? 'error' : 'result');
}
