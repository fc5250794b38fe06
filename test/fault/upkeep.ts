/** Upkeep of a repository that can be broken at every step, and what must hold afterwards. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { verify } from '../../src/backup/verify.ts';
import { chainOf } from '../../src/repository/chain.ts';
import { contentReader } from '../../src/repository/content.ts';
import { listPoints, type Point } from '../../src/repository/points.ts';
import { Repository } from '../../src/repository/repository.ts';
import { type Bench, openBench } from '../e2e/strata.ts';
import { makeBytes } from '../model/bytes.ts';
import { memoryPlace } from '../unit/scratch.ts';
import { type Step, traceSteps } from './steps.ts';

const block = 65536;
const never = new AbortController().signal;

/** A command that is to be broken: what is run before it, and which points must be there whatever happens. */
export interface Upkeep {
  readonly before: readonly (readonly string[])[];
  readonly words: readonly string[];
  readonly needed: readonly string[];
  /** Exit codes of the run that is not broken. */
  readonly ends?: readonly number[];
}

export interface Stage {
  readonly bench: Bench;
  /** Ids of the points of disk a, oldest first, and of disk b. */
  readonly a: readonly string[];
  readonly b: readonly string[];
  /** Prepares a repository for the command, and gives the steps that it takes. */
  prepare(name: string, upkeep: Upkeep): Promise<Prepared>;
}

export interface Prepared {
  readonly steps: readonly Step[];
  breakAt(step: Step, fault: 'kill' | 'eio' | 'enospc'): Promise<void>;
}

/** Two disks with contents in common, four points of the one and two of the other, in packs of 1 MiB. */
export async function setStage(): Promise<Stage> {
  const bench = await openBench('', memoryPlace);
  const repo = bench.path('repo');
  await bench.document(['init', '--repo', repo, '--no-encryption', '--block-size', '64K']);
  const config = JSON.parse(await readFile(`${repo}/strata.json`, 'utf8'));
  await writeFile(`${repo}/strata.json`, JSON.stringify({ ...config, packSize: 1024 ** 2 }));
  const contents = new Map<string, Buffer>();
  const backup = async (disk: string, content: Buffer): Promise<string> => {
    const image = bench.path(`${disk}.img`);
    await writeFile(image, content);
    const words = ['backup', image, '--repo', repo, '--machine', 'm', '--disk', disk];
    const id = (await bench.events(words)).at(-1).point;
    contents.set(id, content);
    return id;
  };
  const [a, b]: [string[], string[]] = [[], []];
  for (let n = 0; n < 4; n++) a.push(await backup('a', imageOf(n)));
  for (let n = 0; n < 2; n++) b.push(await backup('b', Buffer.concat([imageOf(n), makeBytes(4 * block, 50 + n)])));
  const prepare = (name: string, upkeep: Upkeep) => prepareUpkeep(bench, contents, name, upkeep);
  return { bench, a, b, prepare };
}

/** 40 blocks, of which a few are other ones each time. */
function imageOf(n: number): Buffer {
  const image = makeBytes(40 * block, 1);
  for (let i = 1; i <= n; i++) makeBytes(6 * block, 10 + i).copy(image, i * 5 * block);
  image.fill(0, 30 * block, (30 + n) * block);
  return image;
}

async function prepareUpkeep(
  bench: Bench,
  contents: ReadonlyMap<string, Buffer>,
  name: string,
  { before, words, needed, ends = [0] }: Upkeep,
): Promise<Prepared> {
  const prepared = bench.path(`${name}.prepared`);
  await cp(bench.path('repo'), prepared, { recursive: true });
  for (const line of before) await bench.strata([...line, '--repo', prepared, '--json']);
  const at = (folder: string) => [...words, '--repo', folder, '--json'];

  const traced = bench.path(`${name}.traced`);
  await cp(prepared, traced, { recursive: true });
  const steps = await traceSteps(bench, at(traced));
  await checkContents(traced, contents, needed);

  const breakAt = async (step: Step, fault: string) => {
    const folder = bench.path(`${name}-${step.name}-${step.passage}-${fault}`);
    await cp(prepared, folder, { recursive: true });
    const env = { STRATA_FAILPOINT: `${step.name}:${step.passage}:${fault}` };
    const { code, stdout, stderr } = await bench.strata(at(folder), { env });
    // Never silent: killed, an error with its code, or done with a warning.
    if (fault === 'kill') expect(code).toBe(null);
    else expect([1, 3, 13], stdout + stderr).toContain(code);
    await checkContents(folder, contents, needed);
    const again = await bench.strata(at(folder));
    expect(ends, again.stderr).toContain(again.code);
    await checkContents(folder, contents, needed);
    await bench.events(['gc', '--grace', '0', '--repo', folder]);
    await checkContents(folder, contents, needed);
    await rm(folder, { recursive: true });
  };
  return { steps, breakAt };
}

/** All points that are listed are whole and hold what they should, and the needed ones are there, or full ones equal to them. */
async function checkContents(
  location: string,
  contents: ReadonlyMap<string, Buffer>,
  needed: readonly string[],
): Promise<void> {
  const repo = await Repository.open(location, async () => '');
  try {
    const { points, damaged } = await listPoints(repo);
    expect(damaged).toEqual([]);
    for (const { id, manifest } of points) {
      const { layers } = await chainOf(repo, manifest);
      const read = await contentReader(repo, manifest, layers)(0, manifest.size);
      expect(read.equals(contents.get(meant(points, id)) ?? Buffer.alloc(0)), `${id} is not bit-exact`).toBe(true);
    }
    const there = points.map(({ id }) => meant(points, id));
    for (const id of needed) expect(there).toContain(id);
    const { damaged: count } = await verify(repo, { specs: [], all: true, samplePercent: 100 }, () => undefined, never);
    expect(count).toBe(0);
  } finally {
    await repo.close();
  }
}

/** The point that was made of a disk to which a synthetic full goes back. */
function meant(points: readonly Point[], id: string): string {
  const of = points.find((point) => point.id === id)?.manifest.synthesis?.of;
  return of === undefined ? id : meant(points, of);
}
