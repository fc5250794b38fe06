/** Attaching, detaching and clearing, killed and failing at every step: nothing of it stays, nothing foreign goes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { attachDrive } from '../../../../src/mount/attach/attach.ts';
import { detachDrive } from '../../../../src/mount/attach/detach.ts';
import { clearLeftovers } from '../../../../src/mount/janitor.ts';
import { Records } from '../../../../src/mount/records/records.ts';
import { quiet } from '../../scratch.ts';
import { requestFor } from './drives.ts';
import {
  announce,
  hasProgram,
  loopsBelow,
  makeDisk,
  makeImage,
  mountsBelow,
  run,
  stageFolder,
  whyNot,
} from './images.ts';

const skipped = announce('killed.test.ts', whyNot('ext4') || (hasProgram('sfdisk') ? '' : 'sfdisk is not installed'));
const child = fileURLToPath(new URL('child.ts', import.meta.url));

let folder: string;
let records: Records;
/** A loop device of somebody else, on the same file. */
let foreign: string;

beforeEach(async () => {
  if (skipped) return;
  folder = await stageFolder();
  records = new Records(join(folder, 'records'));
  await makeImage(join(folder, 'ext4'), 'ext4');
  await makeDisk(join(folder, 'disk'), 'dos', [join(folder, 'ext4')]);
  foreign = run('losetup', '--find', '--show', '--read-only', join(folder, 'disk')).trim();
});

const attaching = () => ['attach', join(folder, 'disk'), join(folder, 'mounted')];

interface Ending {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
}

/** Runs a child until its end. */
async function runChild(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ending> {
  const running = spawn(process.execPath, [child, records.folder, ...words], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  const [code, signal] = await once(running, 'exit');
  return { signal, code };
}

/** The failpoints that a child passes, as `NAME:PASSAGE`. */
async function stepsOf(words: readonly string[]): Promise<string[]> {
  const trace = join(folder, 'trace');
  expect(await runChild(words, { STRATA_FAILPOINT_TRACE: trace })).toMatchObject({ code: 0 });
  const names = (await readFile(trace, 'utf8')).trimEnd().split('\n');
  await rm(trace);
  return names.map((name, at) => `${name}:${names.slice(0, at + 1).filter((other) => other === name).length}`);
}

/** In the long run all; else the first of each name, and every third. */
function someOf(steps: readonly string[]): readonly string[] {
  if (process.env.STRATA_LONG === '1') return steps;
  return steps.filter((step, at) => step.endsWith(':1') || at % 3 === 0);
}

async function attachWhole(): Promise<string> {
  const request = { ...requestFor(join(folder, 'disk')), at: join(folder, 'mounted') };
  return (await attachDrive(records, request, quiet())).id;
}

/** Detaches whatever is attached. */
async function detachAll(): Promise<void> {
  for (const { id } of (await records.list()).records) await detachDrive(records, id, { force: false });
}

async function expectNothingButForeign(): Promise<void> {
  expect(loopsBelow(folder)).toEqual([foreign]);
  expect(await mountsBelow(folder)).toEqual([]);
  expect(await readdir(records.folder)).toEqual([]);
  await expect(stat(join(folder, 'mounted'))).rejects.toThrow('ENOENT');
}

async function clearAll(): Promise<void> {
  for (const { trouble } of await clearLeftovers(records)) expect(trouble).toBe(null);
}

describe.skipIf(skipped)('attaching', { timeout: 300_000 }, () => {
  it('killed at its steps is cleared by the janitor', async () => {
    const steps = await stepsOf(attaching());
    expect(new Set(steps.map((step) => step.split(':')[0]))).toEqual(
      new Set(['records.write', 'records.place', 'drive.losetup', 'drive.mkdir', 'drive.mount']),
    );
    await detachAll();
    for (const step of someOf(steps)) {
      const { signal } = await runChild(attaching(), { STRATA_FAILPOINT: `${step}:kill` });
      expect([step, signal]).toEqual([step, 'SIGKILL']);
      await clearAll();
      await expectNothingButForeign();
    }
  });

  it('failing at its steps undoes what it has done', async () => {
    const steps = await stepsOf(attaching());
    await detachAll();
    for (const step of someOf(steps)) {
      const { code } = await runChild(attaching(), { STRATA_FAILPOINT: `${step}:eio` });
      expect([step, code]).toEqual([step, 1]);
      await expectNothingButForeign();
    }
  });

  it.each(['losetup', 'mount'])('killed while %s still works for it is cleared when that is done', async (tool) => {
    const tools = join(folder, 'tools');
    await mkdir(tools);
    await writeFile(join(tools, tool), slowly(run('sh', '-c', `command -v ${tool}`).trim()), { mode: 0o755 });
    const env = { ...process.env, PATH: `${tools}:${process.env.PATH}` };
    const attach = spawn(process.execPath, [child, records.folder, ...attaching()], { env, stdio: 'ignore' });
    const ended = once(attach, 'exit');
    const isThere = (name: string) =>
      stat(join(folder, name)).then(
        () => true,
        () => false,
      );
    await expect.poll(() => isThere('started'), { timeout: 60_000 }).toBe(true);
    attach.kill('SIGKILL');
    await ended;
    const clearing = clearAll();
    // It must not come to an end now; a moment, so that it can if it is wrong.
    expect(await Promise.race([clearing, wait(300, 'waiting')])).toBe('waiting');
    await writeFile(join(folder, 'go'), '');
    await clearing;
    await expect.poll(() => isThere('finished')).toBe(true);
    await expectNothingButForeign();
  });
});

/** A tool that says when it has started, waits until it may go on, and says when it has finished. */
function slowly(tool: string): string {
  return `#!/bin/sh
case "$*" in --find | --direct-io*) exec ${tool} "$@" ;; esac
: > ${folder}/started
while [ ! -e ${folder}/go ]; do sleep 0.05; done
${tool} "$@"
: > ${folder}/finished
`;
}

describe.skipIf(skipped)('detaching', { timeout: 300_000 }, () => {
  it.each(['kill', 'eio'] as const)('that meets %s at any step is ended by the janitor or once more', async (fault) => {
    const steps = await stepsOf(['detach', await attachWhole()]);
    expect(steps.map((step) => step.split(':')[0])).toEqual([
      'records.write',
      'records.place',
      ...['drive.umount', 'drive.rmdir', 'drive.rmdir', 'drive.detach', 'drive.detach', 'records.remove'],
    ]);
    for (const step of steps) {
      const id = await attachWhole();
      const { signal, code } = await runChild(['detach', id], { STRATA_FAILPOINT: `${step}:${fault}` });
      expect([step, signal, code]).toEqual([step, ...(fault === 'kill' ? ['SIGKILL', null] : [null, 1])]);
      await clearAll();
      // What was not begun, or failed, is a drive still.
      for (const { state } of (await records.list()).records) expect(state).toBe('ready');
      await detachAll();
      await expectNothingButForeign();
    }
  });
});

describe.skipIf(skipped)('the janitor', { timeout: 300_000 }, () => {
  it('killed at its steps is followed by the next', async () => {
    const leave = () => runChild(attaching(), { STRATA_FAILPOINT: 'records.place:9:kill' });
    await leave();
    expect(await mountsBelow(folder)).toHaveLength(1);
    const steps = await stepsOf(['clear']);
    for (const step of someOf(steps)) {
      await leave();
      const { signal } = await runChild(['clear'], { STRATA_FAILPOINT: `${step}:kill` });
      expect([step, signal]).toEqual([step, 'SIGKILL']);
      await clearAll();
      await expectNothingButForeign();
    }
  });
});
