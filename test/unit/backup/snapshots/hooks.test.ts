import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type BackupRequest, backup } from '../../../../src/backup/backup.ts';
import type { StrataEvent } from '../../../../src/repository/events.ts';
import { listPoints } from '../../../../src/repository/points.ts';
import { hasLoop, mountNew } from '../../loop.ts';
import { quiet, scratchFolder, scratchRepository } from '../../scratch.ts';

interface Ran {
  readonly said: readonly string[];
  readonly hooks: readonly (readonly [string, boolean])[];
  readonly warnings: readonly string[];
  readonly failure: string | null;
  readonly consistency: string | null;
  readonly points: number;
}

it('runs hooks around the backup, and tells of each', async () => {
  const ran = await runWith({ hooks: saying('pre', 'freeze', 'thaw', 'post') });
  expect(ran.said).toEqual(['pre ', 'freeze ', 'thaw ', 'post done']);
  expect(ran.hooks).toEqual([
    ['pre', true],
    ['freeze', true],
    ['thaw', true],
    ['post', true],
  ]);
  expect(ran).toMatchObject({ warnings: [], failure: null, consistency: 'none', points: 1 });
});

it.skipIf(!hasLoop)('a snapshot made while applications rest is worth more (needs root and loop devices)', async () => {
  const { folder } = await mountNew('xfs');
  const ran = await runWith({ hooks: saying('freeze', 'thaw') }, folder);
  expect(ran).toMatchObject({ said: ['freeze ', 'thaw '], consistency: 'application', warnings: [] });
});

it('a freeze hook that fails is a warning; thaw runs always', async () => {
  const hooks = { ...saying('thaw', 'post'), freeze: 'echo no database >&2; exit 7' };
  expect(await runWith({ hooks })).toMatchObject({
    said: ['thaw ', 'post done'],
    warnings: ['the freeze hook failed: no database'],
    points: 1,
  });
});

it.skipIf(!hasLoop)(
  'a freeze hook that fails stops a run that needs a snapshot (needs root and loop devices)',
  async () => {
    const hooks = { ...saying('thaw', 'post'), freeze: 'exit 7' };
    const { folder } = await mountNew('xfs');
    expect(await runWith({ hooks, snapshot: 'required' }, folder)).toMatchObject({
      said: ['thaw ', 'post HOOK_FAILED'],
      failure: 'HOOK_FAILED',
      points: 0,
    });
  },
);

it('a hook that does not end is killed with all that it started', async () => {
  const hooks = { freeze: 'sleep 600 & sleep 600', ...saying('thaw') };
  expect(await runWith({ hooks, hookLimit: 1000 })).toMatchObject({
    said: ['thaw '],
    warnings: ['the freeze hook failed: it did not end within 1 s'],
  });
});

it('post learns what a failed run failed of', async () => {
  const ran = await runWith({ hooks: saying('post'), snapshot: 'required' });
  expect(ran).toMatchObject({ said: ['post SNAPSHOT_IMPOSSIBLE'], failure: 'SNAPSHOT_IMPOSSIBLE', points: 0 });
});

/** Hooks that write their name and what came of the run to a file. */
function saying(...names: ('pre' | 'freeze' | 'thaw' | 'post')[]): NonNullable<BackupRequest['hooks']> {
  return Object.fromEntries(
    names.map((name) => [name, 'echo "$STRATA_HOOK $STRATA_OUTCOME" >> "$STRATA_SOURCE.said"']),
  );
}

async function runWith(request: Partial<BackupRequest>, folder?: string): Promise<Ran> {
  const [repo, place] = [await scratchRepository(), folder ?? (await scratchFolder())];
  const source = join(place, 'disk.img');
  await writeFile(source, 'some');
  const events: StrataEvent[] = [];
  const order = { source, machine: 'm', disk: 'd', cacheFolder: `${repo.store.folder}.cache`, tracker: 'off' };
  const folders = { snapshotRecords: `${repo.store.folder}.snapshots` };
  const emit = (event: StrataEvent) => events.push(event);
  const result = await backup(repo, { ...order, ...folders, ...request }, emit, quiet()).catch((error) => error);
  return {
    said: (await readFile(`${source}.said`, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => (line.includes(' ') ? line : `${line} `)),
    hooks: events.flatMap((event) => (event.event === 'hook' ? [[event.hook, event.ok] as const] : [])),
    warnings: events.flatMap((event) => (event.event === 'warning' ? [event.message] : [])),
    failure: result instanceof Error ? (result as Error & { code: string }).code : null,
    consistency: result.consistency ?? null,
    points: (await listPoints(repo)).points.length,
  };
}
