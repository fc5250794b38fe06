/** Saved jobs as people and systemd use them: added, run, killed, installed, removed. */
import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { mib } from './images.ts';
import { checkout, type Json, openBench, passphrase } from './strata.ts';

const bench = await openBench();
const env = {
  STRATA_REPO: bench.path('repo'),
  STRATA_CONFIG_DIR: bench.path('jobs'),
  STRATA_STATE_DIR: bench.path('state'),
};
const disk = bench.path('disk.img');

beforeAll(async () => {
  await bench.document(['init', '--no-encryption'], { env });
  await writeFile(disk, randomBytes(mib));
});

const add = (...words: string[]) => bench.document(['job', 'add', ...words], { env });
const run = (name: string, code = 0) => bench.events(['job', 'run', name], { env, code });
const runsOf = (name: string): Promise<Json[]> => bench.document(['runs', '--job', name], { env });

describe('a saved backup', () => {
  test('is added, shown, listed, run, and removed; its runs stay', async () => {
    const words = [
      'life',
      'backup',
      '--source',
      'disk.img',
      '--machine',
      'm',
      '--disk',
      'life',
      '--every',
      '90m',
      '--max-duration',
      '8h',
    ];
    const { job } = await add(...words, '--dry-run');
    expect(await readdir(bench.folder)).not.toContain('jobs');
    const added = await add(...words);
    expect(added.job).toEqual({ ...job, saved: added.job.saved });
    expect(added.job).toMatchObject({
      repository: env.STRATA_REPO,
      settings: { source: disk, type: 'scheduled', maxDuration: 28_800 },
    });
    expect(await bench.document(['job', 'show', 'life'], { env })).toMatchObject({ name: 'life', last: null });

    const events = await run('life');
    expect(events.map(({ event }) => event)).toContain('started');
    expect(events.filter(({ event }) => event === 'result')).toHaveLength(1);
    const result = events.at(-1);
    expect(result).toMatchObject({
      event: 'result',
      job: 'life',
      outcome: 'done',
      exitCode: 0,
      result: { kind: 'full' },
    });
    const [point] = await bench.document(['points', '--disk', 'life'], { env });
    expect(point).toMatchObject({ id: result.point, type: 'scheduled' });

    expect((await runsOf('life'))[0]).toMatchObject({
      id: result.id,
      outcome: 'done',
      point: point.id,
      bytesRead: mib,
      error: null,
      seconds: expect.any(Number),
    });
    const [listed] = await bench.document(['job', 'list'], { env });
    expect(listed).toMatchObject({ name: 'life', last: { outcome: 'done' } });
    expect(Date.parse(listed.due) - Date.parse(listed.last.started)).toBe(90 * 60_000);

    await bench.document(['job', 'remove', 'life', '--dry-run'], { env });
    await bench.document(['job', 'remove', 'life'], { env });
    expect((await bench.strata(['job', 'show', 'life'], { env })).code).toBe(1);
    expect(await runsOf('life')).toHaveLength(1);
  });

  test('puts its tags on the point, whatever is in them', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it would be a variable of systemd
    const tags = ['two words', '50% off %n', '$HOME ${HOME}', '"quoted"', "it's", '\\back', '*', '-x', 'ä'];
    const place = ['--source', disk, '--machine', 'm', '--disk', 'tags'];
    await add('tags', 'backup', ...place, ...tags.flatMap((tag) => [`--tag=${tag}`]));
    await run('tags');
    const [point] = await bench.document(['points', '--disk', 'tags'], { env });
    expect(point.tags).toEqual(tags);
  });

  test('forgets by its rules when it has made its point', async () => {
    await add('keep', 'backup', '--source', disk, '--machine', 'm', '--disk', 'keep', '--keep-last', '2');
    for (let n = 0; n < 3; n++) await run('keep');
    expect(await bench.document(['points', '--disk', 'keep'], { env })).toHaveLength(2);
    expect((await run('keep')).at(-1).forgetting.forgotten).toHaveLength(1);
  });

  test('says what it would do, and leaves no trace', async () => {
    await add('plan', 'backup', '--source', disk, '--machine', 'm', '--disk', 'plan', '--keep-last', '2');
    const { code, stdout } = await bench.strata(['job', 'run', 'plan', '--dry-run'], { env });
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^would make {2}full point/) });
    expect(await bench.document(['points', '--disk', 'plan'], { env })).toEqual([]);
    expect(await runsOf('plan')).toEqual([]);
  });

  test('opens its repository with the file that it names', async () => {
    const secret = { ...env, STRATA_REPO: bench.path('sealed'), STRATA_PASSWORD: passphrase };
    await bench.document(['init'], { env: secret });
    await writeFile(bench.path('pass'), `${passphrase}\n`);
    const words = ['job', 'add', 'sealed', 'backup', '--source', disk, '--machine', 'm'];
    const { code, stderr } = await bench.strata(words, { env: secret });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('a job keeps no passphrase') });
    await bench.document([...words, '--password-file', 'pass'], { env: { ...secret, STRATA_PASSWORD: '' } });
    await run('sealed');
    expect(await readFile(bench.path('jobs/sealed.json'), 'utf8')).not.toContain('battery');
    await rm(bench.path('pass'));
    await run('sealed', 2);
    expect((await runsOf('sealed'))[0]).toMatchObject({ outcome: 'failed', error: { code: 'USAGE' } });
  });

  test('that fails says so in its record, with the exit code of the command', async () => {
    await add('fails', 'backup', '--source', bench.path('later.img'), '--machine', 'm');
    const last = (await run('fails', 1)).at(-1);
    expect(last).toMatchObject({ event: 'error', code: 'SOURCE_MISSING' });
    expect(await runsOf('fails')).toMatchObject([
      { outcome: 'failed', point: null, error: { code: 'SOURCE_MISSING', message: last.message } },
    ]);
  });
});

describe('the other kinds', () => {
  test('verify finds damage: exit 13, and a failed run', async () => {
    const other = { ...env, STRATA_REPO: bench.path('damaged') };
    await bench.document(['init', '--no-encryption'], { env: other });
    await bench.events(['backup', disk, '--machine', 'm'], { env: other });
    await bench.document(['job', 'add', 'check', 'verify', '--every', '7d'], { env: other });
    expect((await run('check')).at(-1)).toMatchObject({
      kind: 'verify',
      outcome: 'done',
      bytesRead: expect.any(Number),
    });
    const [pack] = (await readdir(bench.path('damaged/packs'), { recursive: true })).filter((name) => name.length > 10);
    const file = await open(bench.path(`damaged/packs/${pack}`), 'r+');
    await file.write(randomBytes(64), 0, 64, 5000);
    await file.close();
    expect((await run('check', 13)).at(-1)).toMatchObject({ event: 'result', outcome: 'failed', exitCode: 13 });
    const { code, stderr } = await bench.strata(['job', 'run', 'check'], { env });
    expect({ code, stderr }).toMatchObject({ code: 13, stderr: expect.stringMatching(/^strata: 1 of 1 points/m) });
    expect((await runsOf('check'))[0]).toMatchObject({ outcome: 'failed', error: { code: 'DAMAGE_FOUND' } });
  });

  test('consolidate keeps what its rules keep', async () => {
    const source = bench.path('tidy.img');
    for (let n = 0; n < 3; n++) {
      await writeFile(source, randomBytes(mib));
      await bench.events(['backup', source, '--machine', 'm', '--disk', 'tidy'], { env });
    }
    const policy = ['--max-chain', '2', '--keep-last', '1', '--grace', '0'];
    await add('tidy', 'consolidate', '--only', 'm/tidy', ...policy, '--calendar', '0 5 * * 0');
    expect((await run('tidy')).at(-1)).toMatchObject({ kind: 'consolidate', outcome: 'done' });
    const left = await bench.document(['points', '--disk', 'tidy'], { env });
    expect(left).toMatchObject([{ kind: 'synthetic', chainLength: 1 }]);
    await bench.events(['restore', left[0].id, '--to', bench.path('tidy.out')], { env });
    expect(await readFile(bench.path('tidy.out'))).toEqual(await readFile(source));
  });
});

describe('a run', () => {
  const pipe = bench.path('pipe');

  /** A run that goes on until its source, a pipe, is closed. */
  async function endless() {
    const running = bench.start(['job', 'run', 'endless', '--json'], { env });
    const writer = await open(pipe, 'w');
    await running.event(({ event, stage }) => event === 'stage' && stage === 'read');
    return { running, writer };
  }

  beforeAll(async () => {
    execFileSync('mkfifo', [pipe]);
    await add('endless', 'backup', '--source', pipe, '--machine', 'm');
  });

  test('of a job that runs already is refused, and does not disturb it', async () => {
    const { running, writer } = await endless();
    expect(await runsOf('endless')).toMatchObject([{ outcome: 'running', finished: null }]);
    const second = await bench.strata(['job', 'run', 'endless'], { env });
    expect(second).toMatchObject({ code: 11, stdout: '' });
    expect(second.stderr).toMatch(/^strata: job endless is in use by process \d+ on \S+ since \S+Z\n {2}wait /);
    await writer.write(randomBytes(mib));
    await writer.close();
    expect((await running.outcome).code).toBe(0);
    expect(await runsOf('endless')).toMatchObject([{ outcome: 'done', bytesRead: mib }]);
  });

  test('that is killed was interrupted, and keeps nobody from the next', async () => {
    const { running, writer } = await endless();
    running.kill('SIGKILL');
    await running.outcome;
    await writer.close();
    const interrupted = { outcome: 'interrupted', finished: null, error: { code: 'INTERRUPTED' } };
    expect((await runsOf('endless'))[0]).toMatchObject(interrupted);
    const next = await endless();
    await next.writer.write(randomBytes(mib));
    await next.writer.close();
    expect((await next.running.outcome).code).toBe(0);
    expect((await runsOf('endless')).slice(0, 2)).toMatchObject([{ outcome: 'done' }, interrupted]);
  });

  test('that is stopped was interrupted: exit 130', async () => {
    const { running, writer } = await endless();
    running.kill('SIGTERM');
    expect((await running.outcome).code).toBe(130);
    await writer.close();
    expect((await runsOf('endless'))[0]).toMatchObject({ outcome: 'interrupted', finished: expect.any(String) });
  });

  test('is shown to people on one line', async () => {
    const { stdout } = await bench.strata(['runs', '--job', 'endless', '--limit', '1'], { env });
    expect(stdout).toMatch(/^job .*message\nendless {2}\S+Z +\S+ {2}interrupted .*was interrupted\n$/);
  });
});

describe('job install', () => {
  const user = { ...env, XDG_CONFIG_HOME: bench.path('config'), XDG_RUNTIME_DIR: bench.path('runtime') };
  const units = bench.path('config/systemd/user');

  beforeAll(async () => {
    await add(
      'unit',
      'backup',
      '--source',
      disk,
      '--machine',
      'm',
      '--disk',
      'unit',
      '--tag',
      '9 %n $x',
      '--every',
      '6h',
    );
  });

  test('writes units by which the job runs, and says what to do where no systemd is', async () => {
    const { code, stderr } = await bench.strata(['job', 'install', 'unit', '--user'], { env: user });
    expect({ code, stderr }).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/systemd does not run here.* systemctl --user enable --now strata-unit.timer\n$/),
    });
    const service = await readFile(`${units}/strata-unit.service`, 'utf8');
    const words = (line: string) => [...line.matchAll(/"([^"]*)"/g)].map(([, word = '']) => word);
    const [program = '', ...rest] = words(/^ExecStart=(.*)$/m.exec(service)?.[1] ?? '');
    expect(program).toBe(`${checkout}strata`);
    const variables = [...service.matchAll(/^Environment=(.*)$/gm)].flatMap(([, line = '']) => words(line));
    const given = Object.fromEntries(variables.map((entry) => entry.split('=')));
    expect(given).toMatchObject({ STRATA_CONFIG_DIR: env.STRATA_CONFIG_DIR, STRATA_STATE_DIR: env.STRATA_STATE_DIR });
    // As systemd would, with an environment of its own.
    await promisify(execFile)(program, rest, { cwd: '/', env: { ...given, PATH: '/usr/bin:/bin' } });
    const [point] = await bench.document(['points', '--disk', 'unit'], { env });
    expect(point).toMatchObject({ tags: ['9 %n $x'], type: 'scheduled' });
  });

  test('keeps a job from being removed, until it is uninstalled', async () => {
    const { code, stderr } = await bench.strata(['job', 'remove', 'unit'], { env: user });
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('job unit is installed') });
    const changed = await bench.strata(['job', 'add', 'unit', 'verify', '--every', '1h', '--replace'], { env: user });
    expect(changed).toMatchObject({ code: 3, stderr: expect.stringContaining('strata job install unit') });
    await bench.strata(['job', 'uninstall', 'unit', '--user'], { env: user });
    expect(await readdir(units)).toEqual([]);
    await bench.document(['job', 'remove', 'unit'], { env: user });
  });

  test('tells the systemd that runs, and passes on what that complains of', async () => {
    await mkdir(bench.path('runtime/systemd'), { recursive: true });
    await mkdir(bench.path('bin'));
    const told = bench.path('told');
    const program = bench.path('bin/systemctl');
    await writeFile(program, `#!/bin/sh\necho "$@" >>'${told}'\n`);
    await chmod(program, 0o755);
    const running = { ...user, PATH: `${bench.path('bin')}:${process.env.PATH}` };
    await add('told', 'verify', '--every', '6h');
    const install = ['job', 'install', 'told', '--user'];
    expect(await bench.document(install, { env: running })).toMatchObject({ told: true, warning: null });
    expect(await bench.document(install, { env: running })).toMatchObject({ told: true, changed: [] });
    await bench.document(['job', 'uninstall', 'told', '--user'], { env: running });
    const enable = 'enable --now strata-told.timer';
    const steps = ['daemon-reload', enable, 'restart strata-told.timer', 'daemon-reload', enable];
    const undo = ['disable --now strata-told.timer', 'clean --what=state strata-told.timer', 'daemon-reload'];
    expect((await readFile(told, 'utf8')).trimEnd().split('\n')).toEqual(
      [...steps, ...undo].map((words) => `--user --no-ask-password ${words}`),
    );
    await writeFile(program, '#!/bin/sh\necho "Failed to connect to bus" >&2\nexit 1\n');
    const refused = await bench.strata(install, { env: running });
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('Failed to connect to bus; when that') });
  });
});

describe('what is asked wrongly', () => {
  const source = ['--source', disk];
  const cases: readonly (readonly [words: readonly string[], code: number, message: string | RegExp])[] = [
    [['add', 'A', 'verify'], 2, /^"A" cannot be the name of a job: it takes up to 64 of a-z/],
    [['add', '../x', 'verify'], 2, /^"..\/x" cannot be the name of a job/],
    [['add', 'a b', 'verify'], 2, /^"a b" cannot be the name of a job/],
    [['add', 'x'.repeat(65), 'verify'], 2, /cannot be the name of a job/],
    [['add', 'a\nb', 'verify'], 2, /^"a\\u000ab" cannot be the name of a job/],
    [['add', 'a', 'mirror'], 2, /'mirror' is invalid for argument 'kind'. Allowed choices are backup, verify/],
    [['add', 'a'], 2, "missing required argument 'kind'"],
    [['add', 'a', 'backup'], 2, 'a backup job needs --source, or --all-disks'],
    [['add', 'a', 'backup', '--source', '-'], 2, 'a saved job has no standard input: name its source'],
    [['add', 'a', 'backup', ...source, '--machine', '../m'], 2, /\.\.\/m cannot be the name of a machine/],
    [['add', 'a', 'backup', ...source, '--snapshot', 'vss'], 2, /there is no snapshot provider vss/],
    [['add', 'a', 'backup', ...source, '--tracker', 'usn'], 2, /there is no tracker usn/],
    [['add', 'a', 'backup', ...source, '--sample', '5'], 2, '--sample does not go with a backup job'],
    [['add', 'a', 'verify', '--max-duration', '8h'], 2, '--max-duration does not go with a verify job'],
    [['add', 'a', 'backup', ...source, '--max-duration', '0h'], 2, /It takes a time such as 8h/],
    [['add', 'a', 'verify', '--source', disk], 2, '--source does not go with a verify job'],
    [['add', 'a', 'verify', '--keep-last', '1'], 2, '--keep-last does not go with a verify job'],
    [['add', 'a', 'verify', '--sample', '0'], 2, /It takes a percentage/],
    [['add', 'a', 'consolidate'], 2, /settings: it takes a longest chain, an age of the full, or rules/],
    [['add', 'a', 'consolidate', '--only', 'm'], 2, /m is no disk; write MACHINE\/DISK/],
    [['add', 'a', 'verify', '--every', '0h'], 2, 'schedule.every: it takes an interval such as 90m, 6h or 1d'],
    [['add', 'a', 'verify', '--every=-1h'], 2, 'schedule.every: it takes an interval such as 90m, 6h or 1d'],
    [['add', 'a', 'verify', '--every', 'daily'], 2, 'schedule.every: it takes an interval such as 90m, 6h or 1d'],
    [['add', 'a', 'verify', '--calendar', '* * *'], 2, /^schedule: "\* \* \*" is no calendar: it takes five fields/],
    [['add', 'a', 'verify', '--calendar', '0 25 * * *'], 2, /^schedule: "0 25 \* \* \*" is no calendar: /],
    [['add', 'a', 'verify', '--calendar', '0 5 * * *', '--time-zone', 'X'], 2, /X is no time zone/],
    [
      ['add', 'a', 'verify', '--every', '1h', '--calendar', '0 5 * * *'],
      2,
      '--every and --calendar exclude each other',
    ],
    [['add', 'a', 'verify', '--time-zone', 'UTC'], 2, '--time-zone needs --calendar, or rules what to keep'],
    [['add', 'there', 'verify'], 1, 'there is a job there already'],
    [['add', 'a', 'verify', '--repo', bench.path('nowhere')], 10, /^no repository at /],
    [['add', 'a', 'verify', '--repo', 's3://b/p'], 2, 's3://b/p: a bucket has 3 to 63 of a-z, 0-9, dot and hyphen'],
    [['add', 'a', 'verify', '--password-file', disk], 1, /is not encrypted: nothing was stored there/],
    [['run', 'none'], 1, 'no job none'],
    [['run', '../there'], 2, /^"..\/there" cannot be the name of a job/],
    [['run', 'there', '--dry-run'], 2, /^a verify job has no dry run/],
    [['run', 'broken'], 1, /broken\.json is no job that this Strata can run: unknown: surprise$/],
    [['show', 'none'], 1, 'no job none'],
    [['remove', 'none'], 1, 'no job none'],
    [['install', 'none', '--unit-dir', bench.path('units')], 1, 'no job none'],
    [['install', 'there', '--unit-dir', bench.path('units')], 2, /^job there has no schedule/],
    [['install', 'odd', '--unit-dir', bench.path('units')], 1, /^systemd cannot keep the calendar "0 0 L \* \*"/],
    [['uninstall', 'A', '--unit-dir', bench.path('units')], 2, /^"A" cannot be the name of a job/],
  ];
  const wrong = { ...env, STRATA_CONFIG_DIR: bench.path('wrong'), STRATA_STATE_DIR: bench.path('wrong-state') };

  beforeAll(async () => {
    await bench.document(['job', 'add', 'there', 'verify'], { env: wrong });
    await bench.document(['job', 'add', 'odd', 'verify', '--calendar', '0 0 L * *'], { env: wrong });
    const there = JSON.parse(await readFile(bench.path('wrong/there.json'), 'utf8'));
    await writeFile(bench.path('wrong/broken.json'), JSON.stringify({ ...there, name: 'broken', surprise: 1 }), {
      mode: 0o600,
    });
  });

  test.for(cases)('job %s', async ([words, code, message]) => {
    const before = await readdir(bench.path('wrong'));
    const outcome = await bench.strata(['job', ...words], { env: wrong });
    const [first = '', ...hint] = outcome.stderr.split('\n');
    expect({ code: outcome.code, stdout: outcome.stdout }, outcome.stderr).toEqual({ code, stdout: '' });
    expect(first.slice(0, 8)).toBe('strata: ');
    if (typeof message === 'string') expect(first.slice(8)).toBe(message);
    else expect(first.slice(8)).toMatch(message);
    expect(hint).toEqual([expect.stringMatching(/^ {2}\S/), '']);
    expect(await readdir(bench.path('wrong'))).toEqual(before);
    expect(await readdir(bench.folder)).not.toContain('units');
    expect(await readdir(bench.folder)).not.toContain('wrong-state');
  });

  test('no repository', async () => {
    const { code, stderr } = await bench.strata(['job', 'add', 'a', 'verify'], { env: { ...wrong, STRATA_REPO: '' } });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('no repository was named') });
  });

  test('runs of a job that never was', async () => {
    expect(await bench.strata(['runs', '--job', 'none'], { env: wrong })).toMatchObject({ code: 1, stdout: '' });
    expect(await bench.strata(['runs', '--job', 'there'], { env: wrong })).toMatchObject({ code: 0 });
  });

  test('a list names the file that is no job, and shows the others: exit 3', async () => {
    const { code, stdout, stderr } = await bench.strata(['job', 'list'], { env: wrong });
    expect({ code, stdout }).toMatchObject({ code: 3, stdout: expect.stringMatching(/^there .*by hand/m) });
    expect(stderr).toMatch(/^strata: warning: .*broken\.json is no job.*unknown: surprise\n$/);
  });

  test('folders that cannot be written', async () => {
    await symlink('/dev/null', bench.path('null'));
    const nowhere = { ...env, STRATA_STATE_DIR: bench.path('null/state') };
    await add('here', 'backup', ...source, '--machine', 'm', '--disk', 'here');
    const { code, stderr } = await bench.strata(['job', 'run', 'here'], { env: nowhere });
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/^strata: cannot lock .*null/) });
    expect(await bench.document(['points', '--disk', 'here'], { env })).toEqual([]);
  });
});
