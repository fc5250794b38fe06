/** The steps of a run that can be broken: the failpoints that it passes, seen by running it once. */
import { readFile, rm } from 'node:fs/promises';
import type { Bench } from '../e2e/strata.ts';

/** The name of a failpoint and which passage through it. */
export interface Step {
  readonly name: string;
  readonly passage: number;
}

/** Runs `strata`, which must end well, and gives the steps that it took. */
export async function traceSteps(
  bench: Bench,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Step[]> {
  const trace = bench.path('trace');
  await rm(trace, { force: true });
  const { code, stderr } = await bench.strata(words, { env: { ...env, STRATA_FAILPOINT_TRACE: trace } });
  if (code !== 0) throw new Error(`strata ${words.join(' ')} ended with ${code}: ${stderr}`);
  const passages = new Map<string, number>();
  return (await readFile(trace, 'utf8'))
    .split('\n')
    .filter((name) => name !== '')
    .map((name) => {
      const passage = (passages.get(name) ?? 0) + 1;
      passages.set(name, passage);
      return { name, passage };
    });
}

/** In the long run all of the steps; else the first of each name, and of the others one in so many. */
export function someOf(steps: readonly Step[], oneIn = 3): readonly Step[] {
  if (process.env.STRATA_LONG === '1') return steps;
  return steps.filter(({ passage }, index) => passage === 1 || index % oneIn === 0);
}
