/** A restore over an existing file, broken at every step: the name holds the old content or all of the new one. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { openBench } from '../e2e/strata.ts';
import { makeBytes } from '../model/bytes.ts';
import { memoryPlace } from '../unit/scratch.ts';
import { someOf, traceSteps } from './steps.ts';

const mib = 1024 ** 2;
const bench = await openBench('', memoryPlace);
const repo = bench.path('repo');
const content = makeBytes(1.5 * mib, 1);
const old = makeBytes(mib, 2);
const folder = bench.path('targets');
const target = `${folder}/disk.img`;

await bench.document(['init', '--repo', repo, '--no-encryption']);
await writeFile(bench.path('source.img'), content);
const { point } = (await bench.events(['backup', bench.path('source.img'), '--repo', repo])).at(-1);
const words = ['restore', point, '--to', target, '--force', '--repo', repo, '--json'];
await mkdir(folder);
await writeFile(target, old);
const all = await traceSteps(bench, words);
/** What tells others that somebody reads; the rest is the restore itself. */
const announcing = all.filter(({ name }) => name.startsWith('store.') && name !== 'store.read');
const steps = all.filter((step) => !announcing.includes(step));

test('a restore takes the steps that are to be broken', () => {
  const names = new Set(steps.map(({ name }) => name));
  expect(names).toEqual(
    new Set(['store.read', 'restore.open', 'native.restore.write', 'restore.fsync', 'restore.rename']),
  );
});

describe.for(['kill', 'eio'] as const)('%s', (fault) => {
  test.for(someOf(steps))('at $name, passage $passage', async ({ name, passage }) => {
    await rm(folder, { recursive: true });
    await mkdir(folder);
    await writeFile(target, old);
    const broken = await bench.strata(words, { env: { STRATA_FAILPOINT: `${name}:${passage}:${fault}` } });
    expect(broken.code).toBe(fault === 'kill' ? null : 1);
    const found = await readFile(target);
    // Only the last sync stands between the rename and the end.
    const renamed = name === 'restore.fsync' && passage === 2;
    expect(found.equals(renamed ? content : old)).toBe(true);
    if (fault !== 'kill') expect(await readdir(folder)).toEqual(['disk.img']);

    await bench.events(words.slice(0, -1));
    expect((await readFile(target)).equals(content)).toBe(true);
    expect(await readdir(folder)).toEqual(['disk.img']);
  });
});

test.for(announcing)(
  'a reading that cannot be told of is a warning, and restores: $name, passage $passage',
  async (step) => {
    await rm(folder, { recursive: true });
    await mkdir(folder);
    await writeFile(target, old);
    const { code, stdout } = await bench.strata(words, {
      env: { STRATA_FAILPOINT: `${step.name}:${step.passage}:eio` },
    });
    expect(code).toBe(3);
    expect(stdout).toContain('READING_UNPROTECTED');
    expect((await readFile(target)).equals(content)).toBe(true);
  },
);
