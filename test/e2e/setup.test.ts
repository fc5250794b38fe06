/** The guided first configuration, on a real terminal and by options alone; what it saved is then really used. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { announceNoCeph, makeBucket } from '../lab/shared-ceph.ts';
import { attach, hasLoop } from '../unit/loop.ts';
import { run } from './images.ts';
import { checkout, openBench, passphrase, sha256, treeDigest } from './strata.ts';
import { hasTmux, type Size, Terminal } from './tmux.ts';

const small: Size = { columns: 60, rows: 16 };
const noCeph = announceNoCeph('setup.test.ts');
if (!hasTmux) console.warn('setup.test.ts is skipped in part: there is no tmux');
const bench = await openBench();

/** A machine of its own: its home, its jobs and a disk. */
async function newMachine(name: string) {
  const home = bench.path(name);
  const path = (file: string) => join(home, file);
  await mkdir(home);
  const disk = path('disk.img');
  await writeFile(disk, randomBytes(2 * 1024 ** 2));
  await run('mkfs.ext4', ['-q', '-F', disk]);
  const env = { HOME: home, STRATA_CONFIG_DIR: path('jobs'), STRATA_STATE_DIR: path('runs') };
  const onTerminal = (words: readonly string[], more: Readonly<Record<string, string>> = {}, size = small) => {
    const variables = { PATH: process.env.PATH ?? '', ...env, ...more };
    const node = process.env.STRATA_NODE ? { STRATA_NODE: process.env.STRATA_NODE } : {};
    return Terminal.start(home, [join(checkout, 'strata'), 'setup', ...words], { ...variables, ...node }, size);
  };
  const setup = (words: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    bench.strata(['setup', ...words], { env: { ...env, ...more } });
  /** Runs the saved backup, and restores what it made. */
  const expectBackup = async (job: string, source: string, unlocking: Readonly<Record<string, string>>) => {
    const made = (await bench.events(['job', 'run', job], { env })).at(-1);
    expect(made).toMatchObject({ event: 'result', outcome: 'done' });
    const restored = path(`restored-${job}`);
    await bench.events(['restore', made.point, '--to', restored], { env: { ...env, ...unlocking } });
    expect(await sha256(restored)).toBe(await sha256(source));
  };
  return { home, path, disk, env, onTerminal, setup, expectBackup };
}

describe.skipIf(!hasTmux)('on a small terminal', { timeout: 120_000 }, () => {
  test('it leads through wrong answers to a backup that restores', async () => {
    const machine = await newMachine('guided');
    const { path, env } = machine;
    const source = hasLoop ? attach(machine.disk) : machine.disk;
    const disk = source.replace('/dev/', '');
    const terminal = await machine.onTerminal(['--unit-dir', path('units')]);
    const where = async (folder: string) => {
      await terminal.answer('Where do the backups go?', '');
      await terminal.answer('Folder:', folder);
    };
    await where(checkout);
    await terminal.shows('is not empty and not a repository');
    await where('/sys/strata');
    await terminal.shows('cannot make a repository at /sys/strata');
    await where('/proc/version/x');
    await terminal.shows('trying /proc/version/x …');
    await where(path('repo'));
    await terminal.shows('it can be written, and makes hard links');

    await terminal.answer('Passphrase of the new repository:', 'hunter2');
    await terminal.shows('weak: guessing it takes less than a minute');
    await terminal.answer('Use it all the same?', '');
    await terminal.answer('Passphrase of the new repository:', passphrase);
    await terminal.shows('good: guessing it takes centuries');
    await terminal.answer('The same again:', `${passphrase}?`);
    await terminal.shows('the two are not the same');
    await terminal.answer('Passphrase of the new repository:', passphrase);
    await terminal.answer('The same again:', passphrase);
    await terminal.answer('File to keep it in, for the jobs:', '');
    await terminal.shows('Without the passphrase nobody can read the backups');

    await terminal.shows('? Which disks?');
    if (hasLoop) {
      await terminal.moveTo(`❯◯ ${disk}  2.0 MiB  ext4`);
    } else {
      await terminal.moveTo('❯◯ another');
    }
    await terminal.press('Space', 'Enter');
    if (!hasLoop) await terminal.answer('Its path:', source);
    await terminal.answer('Name of this machine in the repository:', '', 'C-u', 'a/b');
    await terminal.shows('cannot be the name of a machine');
    await terminal.answer('Name of this machine in the repository:', '', 'C-u', 'web1');
    await terminal.answer('When do backups run?', '');
    await terminal.answer('How long do restore points stay?', '');
    await terminal.shows('after a year');
    await terminal.answer('Keep them so?', '');
    await terminal.answer('Consolidate every Sunday at 05:00?', '');
    await terminal.answer('Write a sheet', '');
    await terminal.answer('Its file:', '');
    await terminal.shows('This will be written:');
    expect((await readdir(machine.home)).filter((name) => !name.startsWith('.'))).toEqual(['disk.img']);
    await terminal.answer('Go on?', '', 'Down');
    await terminal.shows('"kind": "backup"');
    await terminal.answer('Go on?', '');
    expect(await terminal.end()).toBe(3); // systemd was not told
    const said = await terminal.text();
    expect(said).toContain(`stratajobrunbackup-${disk}`);
    expect(said).not.toContain(passphrase.replaceAll(' ', ''));

    expect((await stat(path('passphrase'))).mode & 0o777).toBe(0o600);
    for (const file of ['strata-recovery.txt', `jobs/backup-${disk}.json`, `units/strata-backup-${disk}.service`]) {
      expect(await readFile(path(file), 'utf8'), file).not.toContain(passphrase);
    }
    expect(await readFile(path('strata-recovery.txt'), 'utf8')).toContain(`web1/${disk}@latest`);
    await machine.expectBackup(`backup-${disk}`, source, {
      STRATA_REPO: path('repo'),
      STRATA_PASSWORD_FILE: path('passphrase'),
    });
    const tidied = (await bench.events(['job', 'run', 'consolidate'], { env })).at(-1);
    expect(tidied).toMatchObject({ outcome: 'done' });

    // Once more: what is there is used, and nothing is replaced that nobody gave up.
    const again = await machine.onTerminal(
      [
        '--repo',
        path('repo'),
        '--source',
        source,
        '--machine',
        'web1',
        '--every',
        '1h',
        '--keep-last',
        '1',
        '--no-install',
        '--no-recovery-sheet',
      ],
      {},
      { columns: 100, rows: 30 },
    );
    await again.answer('Use it?', '');
    await again.shows(`backup-${disk}  backup  ${path('repo')}`);
    await again.shows(`of 1 points of web1/${disk} that are there, 0 would be forgotten now`);
    await again.answer('Consolidate every Sunday at 05:00?', '');
    await again.answer(`Put the new one in place of backup-${disk}?`, 'y');
    await again.answer('Put the new one in place of consolidate?', '');
    await again.answer('Go on?', '');
    expect(await again.end()).toBe(3);
    const jobs = await bench.document(['job', 'list'], { env });
    expect(jobs).toMatchObject([{ schedule: { every: '1h' } }, { settings: { keep: { keepDaily: 14 } } }]);
  });

  test('Ctrl-C at any question leaves nothing', async () => {
    const machine = await newMachine('stopped');
    const { path } = machine;
    const before = await treeDigest(machine.home);
    const options = [
      ['--repo', path('repo')],
      ['--password-file', path('new')],
      ['--source', machine.disk],
      ['--machine', 'm'],
      ['--by-hand'],
      ['--keep-last', '3'],
      ['--no-consolidate'],
      ['--no-recovery-sheet'],
    ];
    const first = (count: number) => options.slice(0, count).flat();
    const bucket = ['--repo', 's3://bucket/prefix'];
    const chosen = ['Passphrase of the new repository:', passphrase] as const;
    /** The question, what is given, and what is answered before. */
    const questions: readonly (readonly [string, readonly string[], ...(readonly [string, string])[]])[] = [
      ['Where do the backups go?', []],
      ['Folder:', [], ['Where do the backups go?', '']],
      ['Neither the environment nor', bucket],
      ['Key id:', bucket, ['Neither the environment nor', '']],
      ['Passphrase of the new repository:', first(1)],
      ['Use it all the same?', first(1), ['Passphrase of the new repository:', 'hunter2']],
      ['The same again:', first(1), chosen],
      ['File to keep it in', first(1), chosen, ['The same again:', passphrase]],
      ['Which disks?', first(2)],
      ['Name of this machine', first(3)],
      ['When do backups run?', first(4)],
      ['How long do restore points stay?', first(5)],
      ['Keep them so?', first(5), ['How long do restore points stay?', '']],
      ['Save a job for it?', first(6)],
      ['Write a sheet', first(7)],
      ['Its file:', first(7), ['Write a sheet', '']],
      ['Go on?', first(8)],
    ];
    const ends = questions.map(async ([question, words, ...answers]) => {
      const given: Record<string, string> = words.includes('--password-file') ? { STRATA_PASSWORD: passphrase } : {};
      const terminal = await machine.onTerminal(words, given);
      for (const [earlier, text] of answers) await terminal.answer(earlier, text);
      await terminal.shows(`? ${question}`);
      await terminal.press('C-c');
      return [question, await terminal.end(), (await terminal.text()).includes('nothingwaswritten')];
    });
    expect(await Promise.all(ends)).toEqual(questions.map(([question]) => [question, 130, true]));
    await clean(machine.home);
    expect(await treeDigest(machine.home)).toBe(before);
  });

  test.skipIf(noCeph)('it sets up a bucket, and saves the key where runs find it', async () => {
    const bucket = `setup-${randomBytes(8).toString('hex')}`;
    const { endpoint, accessKey, secretKey } = await makeBucket(bucket);
    const machine = await newMachine('bucket');
    const { path, disk } = machine;
    await writeFile(path('pass'), `${passphrase}\n`, { mode: 0o600 });
    const terminal = await machine.onTerminal(['--password-file', path('pass'), '--source', disk, '--machine', 'm']);
    const where = async (name: string, server: string) => {
      await terminal.answer('Where do the backups go?', '', 'Down');
      await terminal.answer('Bucket, with a prefix', name);
      await terminal.answer('Address of the server', server);
      if (server.startsWith('http:')) await terminal.answer('Plain http', 'y');
      await terminal.answer('Does the bucket stand in the path', '');
    };
    await where(`${bucket}/web`, 'nonsense');
    await terminal.answer('Neither the environment nor ~/.aws has a key.', '');
    await terminal.answer('Key id:', accessKey);
    await terminal.answer('Secret key:', secretKey);
    await terminal.shows('the endpoint of object storage must be a URL');
    await where(`${bucket}-not`, endpoint);
    await terminal.shows(`there is no bucket ${bucket}-not`);
    await where(`${bucket}/web`, endpoint);
    await terminal.shows('access, conditions and races are as they must be');
    await terminal.answer('When do backups run?', '');
    await terminal.answer('How long do restore points stay?', '');
    await terminal.answer('Keep them so?', '');
    await terminal.answer('Consolidate', 'n');
    await terminal.answer('Save the key in', '');
    await terminal.answer('Write a sheet', 'n');
    await terminal.answer('Go on?', '');
    expect(await terminal.end()).toBe(0);
    const shown = await terminal.text();
    expect(shown).not.toContain(secretKey);
    expect((await stat(path('.aws/credentials'))).mode & 0o777).toBe(0o600);
    expect(await readFile(path('jobs/backup-disk.img.json'), 'utf8')).not.toContain(secretKey);
    await machine.expectBackup('backup-disk.img', disk, {
      STRATA_REPO: `s3://${bucket}/web`,
      STRATA_PASSWORD_FILE: path('pass'),
      STRATA_S3_ENDPOINT: endpoint,
      STRATA_S3_PATH_STYLE: '1',
      STRATA_S3_PLAIN_HTTP: '1',
    });
    const again = await machine.setup(
      [
        '--yes',
        '--quiet',
        '--json',
        '--repo',
        `s3://${bucket}/web`,
        '--source',
        disk,
        '--machine',
        'm',
        '--no-consolidate',
        '--s3-path-style',
        '--s3-plain-http',
      ],
      { STRATA_S3_ENDPOINT: endpoint },
    );
    expect(JSON.parse(again.stdout)).toMatchObject({
      made: false,
      steps: [],
      kept: [{ name: 'backup-disk.img', same: true }],
    });
  });
});

describe('by options', { timeout: 120_000 }, () => {
  test('it asks nothing, and can be run again', async () => {
    const machine = await newMachine('options');
    const { path, disk } = machine;
    const words = ['--yes', '--quiet', '--json', '--repo', path('repo'), '--source', disk, '--unit-dir', path('units')];
    const given = { STRATA_PASSWORD: passphrase };
    const before = await treeDigest(machine.home);
    const dry = await machine.setup([...words, '--dry-run'], given);
    expect(JSON.parse(dry.stdout)).toMatchObject({ dryRun: true, id: null, written: [] });
    await clean(machine.home);
    expect(await treeDigest(machine.home)).toBe(before);

    const made = await machine.setup(words, given);
    expect(made).toMatchObject({ code: 3, stderr: expect.stringContaining('systemd was not told') });
    expect(made.stdout + made.stderr).not.toContain(passphrase);
    expect(JSON.parse(made.stdout)).toMatchObject({
      dryRun: false,
      repository: path('repo'),
      made: true,
      passwordFile: path('passphrase'),
      jobs: ['backup-disk.img', 'consolidate'],
    });

    const again = await machine.setup(words);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ made: false, steps: [], written: [] });
    const other = await machine.setup([...words, '--every', '1h']);
    expect(other).toMatchObject({ code: 3, stderr: expect.stringContaining('job backup-disk.img stays as it was') });
    const replaced = await machine.setup([...words, '--every', '1h', '--replace', '--machine', hostname()]);
    expect(JSON.parse(replaced.stdout).written).toContain(path('jobs/backup-disk.img.json'));
    const shown = await bench.document(['job', 'show', 'backup-disk.img'], { env: machine.env });
    expect(shown.schedule).toEqual({ every: '1h' });
  });

  test('what is missing or wrong is named, and nothing is written', async () => {
    const machine = await newMachine('refused');
    const { path, disk } = machine;
    await writeFile(path('empty'), '\n');
    const before = await treeDigest(machine.home);
    const repo = ['--repo', path('repo')];
    const open = [...repo, '--no-encryption'];
    const whole = [...open, '--source', disk];
    const cases: readonly (readonly [string[], number, string])[] = [
      [[], 2, '--yes has no answer of its own for this: give --repo'],
      [repo, 2, 'give --password-file'],
      [[...repo, '--password-file', path('empty')], 2, 'the passphrase is empty'],
      [[...repo, '--password-file', '/dev/null'], 2, 'is no file in which jobs could find the passphrase'],
      [open, 2, 'give --source'],
      [[...open, '--source', path('x')], 1, 'does not exist'],
      [[...whole, '--machine', 'a/b'], 2, 'cannot be the name of a machine'],
      [[...whole, '--every', 'soon'], 2, 'it takes an interval'],
      [[...whole, '--every', '1d', '--by-hand'], 2, 'exclude each other'],
      [[...whole, '--calendar', '61 * * * *'], 2, 'is no calendar'],
      [[...whole, '--keep-all', '--keep-last', '1'], 2, '--keep-all goes with no other'],
      [[...whole, '--keep-all', '--consolidate', 'x'], 2, 'is no calendar'],
      [[...whole, '--by-hand', '--keep-all', '--install'], 2, '--install needs a schedule'],
      [[...whole, '--recovery-sheet', disk, '--by-hand', '--keep-all'], 2, 'is no recovery sheet'],
      [[...whole, '--save-keys', '--by-hand', '--keep-all'], 2, '--save-keys goes with a repository in a bucket'],
      [['--repo', machine.home, '--source', disk], 1, 'is not empty and not a repository'],
      [['--repo', 'sftp://host/x'], 1, 'is not supported'],
    ];
    const ended = await Promise.all(cases.map(([words]) => machine.setup(['--yes', '--quiet', ...words])));
    for (const [at, [words, code, text]] of cases.entries()) {
      expect(ended[at], words.join(' ')).toMatchObject({ code, stderr: expect.stringContaining(text) });
    }
    const nobody = await machine.setup(whole);
    expect(nobody).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no terminal to ask on: give --yes'),
    });
    await clean(machine.home);
    expect(await treeDigest(machine.home)).toBe(before);
  });

  test('a wrong passphrase opens no repository, and a weak one is said to be weak', async () => {
    const machine = await newMachine('weak');
    const words = ['--yes', '--repo', machine.path('repo'), '--source', machine.disk, '--by-hand', '--keep-all'];
    const weak = await machine.setup(words, { STRATA_PASSWORD: 'hunter2' });
    expect(weak).toMatchObject({ code: 3, stderr: expect.stringContaining('the passphrase is weak') });
    await writeFile(machine.path('other'), 'not it');
    const wrong = await machine.setup([...words, '--password-file', machine.path('other')]);
    expect(wrong).toMatchObject({ code: 12, stderr: expect.stringContaining('wrong passphrase') });
  });
});

/** Removes what every command may leave: its caches. */
async function clean(home: string): Promise<void> {
  await rm(join(home, '.cache'), { recursive: true, force: true });
}
