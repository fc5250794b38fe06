/** Every write, fsync, link and removal of what keeps a repository in order: the process dies there, and once it is an error. */
import { describe, expect, test } from 'vitest';
import { someOf } from './steps.ts';
import { setStage, type Upkeep } from './upkeep.ts';

const { a, b, prepare } = await setStage();
const [first = '', second = '', third = '', newest = ''] = a;
const [b1 = '', b2 = ''] = b;
const all = [...a, ...b];
const without = (...ids: readonly string[]) => all.filter((id) => !ids.includes(id));
const forget = (...ids: readonly string[]) => ['forget', ...ids];

const upkeeps: Readonly<Record<string, Upkeep>> = {
  'gc that frees': {
    before: [forget(first, second, b1, b2)],
    words: ['gc', '--grace', '0'],
    needed: [third, newest],
  },
  'gc over a trash that is needed again in part': {
    before: [forget(b1, b2), ['gc'], ['undelete', b1], forget(third)],
    words: ['gc', '--grace', '0'],
    needed: [first, second, newest, b1],
  },
  'gc that rewrites': {
    before: [forget(first, second, b1, b2)],
    words: ['gc', '--grace', '0', '--max-unused', '1'],
    needed: [third, newest],
  },
  undelete: {
    before: [forget(b2), ['gc']],
    words: ['undelete', b2],
    needed: without(b2),
    ends: [0, 2],
  },
  'synthesis by reference': { before: [], words: ['synthesize', 'm/a'], needed: all },
  'synthesis by copying': { before: [], words: ['synthesize', 'm/a', '--mode', 'copy'], needed: all },
  consolidation: {
    before: [],
    words: ['consolidate', '--all', '--max-chain', '1', '--keep-last', '2', '--grace', '0', '--mode', 'copy'],
    needed: [third, newest, b1, b2],
  },
  'forgetting by rules': { before: [], words: ['forget', '--keep-last', '1'], needed: [newest, b2] },
};

// In the long run everything; else what differs most, dying at one write in eight, and the first of each kind of error.
const isLong = process.env.STRATA_LONG === '1';
const chosen = isLong ? Object.keys(upkeeps) : ['gc that frees', 'undelete', 'synthesis by copying'];

for (const name of chosen) {
  const { steps, breakAt } = await prepare(name.replaceAll(' ', '-'), upkeeps[name] as Upkeep);
  // To die while it reads is to die before the next write.
  const writes = steps.filter((step) => step.name !== 'store.read');
  describe(name, { concurrent: true }, () => {
    test('takes steps that can be broken', () => expect(writes.length).toBeGreaterThan(2));
    test.for(someOf(writes, 8))('kill at $name, passage $passage', (step) => breakAt(step, 'kill'));
    const errors = steps.filter(({ passage }) => isLong || passage === 1);
    test.for(errors)('eio at $name, passage $passage', (step) => breakAt(step, 'eio'));
  });
}
