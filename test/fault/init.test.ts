/** The making of a repository, broken at its steps: afterwards there is none, or a good one; and it can be made. */
import { rm, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { openBench, passphrase } from '../e2e/strata.ts';
import { makeBytes } from '../model/bytes.ts';
import { memoryPlace } from '../unit/scratch.ts';
import { someOf, traceSteps } from './steps.ts';

const bench = await openBench(passphrase, memoryPlace);
const repo = bench.path('repo');
const disk = bench.path('disk.img');
const content = makeBytes(300_000, 1);
await writeFile(disk, content);
const init = ['init', '--repo', repo, '--json'];
const steps = await traceSteps(bench, init);

describe.for(['kill', 'eio'] as const)('%s', (fault) => {
  test.for(someOf(steps, 8))('at $name, passage $passage', async ({ name, passage }) => {
    await rm(repo, { recursive: true, force: true });
    const broken = await bench.strata(init, { env: { STRATA_FAILPOINT: `${name}:${passage}:${fault}` } });
    expect(broken.code).toBe(fault === 'kill' ? null : 1);
    const again = await bench.strata(init);
    // Made already, when only what comes after its strata.json was broken.
    if (again.code !== 0) expect(JSON.parse(again.stdout).code).toBe('REPOSITORY_EXISTS');
    const { size } = (await bench.events(['backup', disk, '--repo', repo])).at(-1);
    expect(size).toBe(content.length);
  });
});
