/** What a setup leaves that fails, or is stopped, on its way: tried at each step. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { initJob } from '../../../../src/jobs/init.ts';
import type { SavedJob } from '../../../../src/jobs/schedule/saved-job.ts';
import { carryOut } from '../../../../src/jobs/setup/carry-out.ts';
import { planSetup, type SetupChoices } from '../../../../src/jobs/setup/plan.ts';
import { usualSettings } from '../../../../src/repository/stores/settings.ts';
import { quiet, scratchMemory } from '../../scratch.ts';

const secrets = { passphrase: 'correct horse battery staple', keys: { id: 'AKIA', secret: 'geheim', region: null } };

interface How {
  readonly signal?: AbortSignal;
  /** That are there. */
  readonly jobs?: readonly SavedJob[];
}

interface Bench {
  readonly path: (name: string) => string;
  /** `done`, or why it failed and what was said to stay. */
  readonly run: (given?: Partial<SetupChoices>, how?: How) => Promise<string>;
}

async function openBench(): Promise<Bench> {
  const folder = await scratchMemory();
  const path = (name: string) => join(folder, name);
  const places = { jobs: path('jobs'), runs: path('runs') };
  const choices: SetupChoices = {
    location: path('repo'),
    storage: usualSettings,
    existing: null,
    // Deriving a key takes a while, and makes no difference here.
    encryption: false,
    passwordFile: path('passphrase'),
    writePassphrase: true,
    keysFile: path('aws/credentials'),
    disks: [{ source: '/dev/sda', machine: 'm', disk: 'sda' }],
    schedule: { every: '6h' },
    timeZone: 'UTC',
    keep: null,
    consolidation: { maxChain: 30, schedule: null },
    units: { user: false, unitDir: path('units'), folder: path('units') },
    sheet: path('sheet'),
    replace: () => true,
  };
  const run = async (given: Partial<SetupChoices> = {}, { signal = quiet(), jobs = [] }: How = {}) => {
    const there = { jobsFolder: places.jobs, jobs, installed: new Set<string>() };
    let said = '';
    const plan = planSetup({ ...choices, ...given }, there);
    const left = (message: string) => {
      said = message;
    };
    return carryOut(plan, secrets, places, { signal, left }).then(
      () => 'done',
      (error: Error) => `${error.message} | ${said}`,
    );
  };
  return { path, run };
}

const namesIn = (folder: string) => readdir(folder).catch(() => []);

test('all steps are taken, and only their owner can read secrets', async () => {
  const { path, run } = await openBench();
  expect(await run()).toBe('done');
  expect(await namesIn(path('jobs'))).toEqual(['backup-sda.json', 'consolidate.json']);
  expect(await namesIn(path('units'))).toEqual(['strata-backup-sda.service', 'strata-backup-sda.timer']);
  for (const file of ['passphrase', 'aws/credentials', 'sheet', 'jobs/backup-sda.json']) {
    expect((await stat(path(file))).mode & 0o777, file).toBe(0o600);
  }
  expect(await readFile(path('passphrase'), 'utf8')).toBe(`${secrets.passphrase}\n`);
  for (const file of ['sheet', 'jobs/backup-sda.json', 'jobs/consolidate.json', 'units/strata-backup-sda.service']) {
    const text = await readFile(path(file), 'utf8');
    expect(text, file).not.toContain(secrets.passphrase);
    expect(text, file).not.toContain(secrets.keys.secret);
  }
});

describe('broken off', () => {
  test('before there is a repository, nothing stays', async () => {
    const { path, run } = await openBench();
    await mkdir(path('repo'));
    await writeFile(path('repo/other'), '');
    await mkdir(path('aws'));
    await writeFile(path('aws/credentials'), '[other]\n');
    expect(await run()).toMatch(/is not empty and not a repository \| nothing was written that stays$/);
    expect(await readFile(path('aws/credentials'), 'utf8')).toBe('[other]\n');
    expect(await namesIn(path('.'))).toEqual(['aws', 'repo']);
  });

  test('behind it, the repository stays with what unlocks it, and jobs and units are taken back', async () => {
    const { path, run } = await openBench();
    await writeFile(path('file'), '');
    const message = await run({ sheet: path('file/sheet') });
    const kept = ['aws/credentials', 'passphrase', 'repo'].map(path).join(', ');
    expect(message).toContain(`what was made stays, and the next setup uses it: ${kept}; all else was taken back`);
    expect(await namesIn(path('jobs'))).toEqual([]);
    expect(await namesIn(path('units'))).toEqual([]);
    const config = JSON.parse(await readFile(path('repo/strata.json'), 'utf8'));
    expect(await run({ existing: config.id, writePassphrase: false, keysFile: null })).toBe('done');
  });

  test('jobs and units that it replaced are there again', async () => {
    const { path, run } = await openBench();
    expect(await run()).toBe('done');
    const files = ['jobs/backup-sda.json', 'units/strata-backup-sda.timer', 'units/strata-backup-sda.service'];
    const before = await Promise.all(files.map((file) => readFile(path(file), 'utf8')));
    const { id } = JSON.parse(await readFile(path('repo/strata.json'), 'utf8'));
    const jobs = [JSON.parse(before[0] ?? '')];
    const given = {
      existing: id,
      writePassphrase: false,
      keysFile: null,
      schedule: { every: '1h' },
      sheet: path('sheet/x'),
    };
    expect(await run(given, { jobs })).toMatch(/ \| nothing was written that stays$/);
    expect(await Promise.all(files.map((file) => readFile(path(file), 'utf8')))).toEqual(before);
  });

  test('by a signal it ends before the next step', async () => {
    const { path, run } = await openBench();
    const stopped = AbortSignal.abort(new Error('stopped'));
    expect(await run({}, { signal: stopped })).toBe('stopped | nothing was written that stays');
    expect(await namesIn(path('.'))).toEqual([]);
  });
});

test('a passphrase file and a sheet that are somebody else’s are not written over', async () => {
  const { path, run } = await openBench();
  await writeFile(path('passphrase'), 'of another');
  expect(await run()).toContain('exists already');
  expect(await readFile(path('passphrase'), 'utf8')).toBe('of another');
  const other = await openBench();
  await writeFile(other.path('sheet'), 'a letter');
  expect(await other.run()).toContain('is no recovery sheet');
  expect(await readFile(other.path('sheet'), 'utf8')).toBe('a letter');
});

test('a repository that somebody else made meanwhile is not taken for ours', async () => {
  const { path, run } = await openBench();
  const passphrase = async () => 'other';
  await initJob({
    location: path('repo'),
    storage: usualSettings,
    blockSize: undefined,
    encryption: false,
    lock: null,
    passphrase,
    dryRun: false,
  });
  expect(await run()).toMatch(/there is a repository at .* already \| nothing was written that stays/);
});
