import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLocalStore } from '../../../../src/repository/stores/create.ts';
import type { LocalStore } from '../../../../src/repository/stores/local.ts';
import { scratchFolder } from '../../scratch.ts';

const module = new URL('../../../../src/repository/stores/local.ts', import.meta.url).href;

/** Puts and adopts an object in a process of its own, under a failpoint; its exit code, or the signal that ended it. */
function putElsewhere(store: LocalStore, env: Record<string, string>): string {
  const program = `
    import { writeFile } from 'node:fs/promises';
    import { LocalStore } from ${JSON.stringify(module)};
    const store = new LocalStore(${JSON.stringify(store.location)});
    try {
      await store.put('points/a', Buffer.from('content'));
      const file = (await store.spool('run')) + '/pack';
      await writeFile(file, 'content');
      await store.adopt('packs/0f/b', file);
      await store.remove('points/a');
      await store.clearSpool('run');
    } catch (error) {
      process.stdout.write(error.code);
    }`;
  const options = { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' } as const;
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', program],
    options,
  );
  if (status !== 0 && signal === null) throw new Error(stderr);
  return signal ?? stdout;
}

async function emptyStore(): Promise<LocalStore> {
  return createLocalStore(join(await scratchFolder(), 'store'));
}

async function passages(): Promise<string[]> {
  const trace = join(await scratchFolder(), 'trace');
  expect(putElsewhere(await emptyStore(), { STRATA_FAILPOINT_TRACE: trace })).toBe('');
  return (await readFile(trace, 'utf8')).trim().split('\n');
}

describe('a local store', () => {
  it('passes every step that can fail', async () => {
    expect(await passages()).toEqual([
      ...['store.folder', 'store.fsync', 'store.open', 'store.write', 'store.fsync'],
      ...['store.folder', 'store.fsync', 'store.link', 'store.fsync', 'store.unlink'],
      'store.spool',
      'store.fsync',
      ...['store.folder', 'store.fsync', 'store.link', 'store.fsync', 'store.unlink'],
      ...['store.remove', 'store.fsync'],
      'store.clear',
    ]);
  });

  it('has an object whole or not at all, whichever step fails or is the last', async () => {
    const steps = (await passages()).length;
    for (let step = 1; step <= steps; step++) {
      for (const [fault, outcome] of [
        ['kill', 'SIGKILL'],
        ['eio', 'IO'],
      ] as const) {
        const store = await emptyStore();
        expect(putElsewhere(store, { STRATA_FAILPOINT: `*:${step}:${fault}` })).toBe(outcome);
        for await (const { name } of store.list(''))
          expect([name, (await store.get(name)).toString()]).toEqual([name, 'content']);
        // What a failed put began it removes; only a kill may leave it.
        const begun = (await readdir(store.localPath('tmp'))).filter((name) => name.startsWith('put-'));
        if (fault !== 'kill') expect(begun).toEqual([]);
      }
    }
  });

  it('says that there is no space', async () => {
    expect(putElsewhere(await emptyStore(), { STRATA_FAILPOINT: 'store.write:1:enospc' })).toBe('NO_SPACE');
  });
});
