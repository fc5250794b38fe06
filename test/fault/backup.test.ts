/** Every write, fsync, link and removal of a backup: the process dies there, and it is broken by an error (in a short run, some of them). */
import { describe, expect, test } from 'vitest';
import { setStage } from './broken-run.ts';
import { someOf } from './steps.ts';

const stage = await setStage();

test('a backup takes the steps that are to be broken', () => {
  const names = new Set(stage.steps.map(({ name }) => name));
  for (const name of ['native.source.read', 'native.pack.write', 'native.column.write', 'store.fsync', 'store.link']) {
    expect(names).toContain(name);
  }
});

// What cannot be read is another matter: unreadable.test.ts.
const steps = stage.steps.filter(({ name }) => name !== 'native.source.read');

describe.for(['kill', 'eio'] as const)('%s', { concurrent: true }, (fault) => {
  test.for(fault === 'kill' ? steps : someOf(steps))('at $name, passage $passage', (step) =>
    stage.breakAt(step, fault),
  );
});

test('kill while the source is read', () => stage.breakAt({ name: 'native.source.read', passage: 5 }, 'kill'));

test.for(someOf(steps.filter(({ name }) => /write|folder|spool/.test(name))))(
  'disk full at $name, passage $passage',
  (step) => stage.breakAt(step, 'enospc'),
);
