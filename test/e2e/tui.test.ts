/** The terminal UI as a person uses it: in a real terminal, on a real repository, with real mounts and restores. */
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { findCommand } from '../../src/jobs/find-command.ts';
import { makeCertificates } from '../unit/mount/nbd/certificates.ts';
import { Tmux } from './full-screen.ts';
import { addFile, makeImage, run } from './images.ts';
import { checkout, openBench, passphrase, sha256 } from './strata.ts';

const bench = await openBench(passphrase);
const repo = { STRATA_REPO: bench.path('repo') };
const image = bench.path('disk.img');
const out = bench.path('out');

const trouble = (await findCommand('tmux')) === null ? 'there is no tmux' : '';
if (trouble) console.warn(`tui.test.ts is skipped: ${trouble}`);
const drives = process.getuid?.() === 0 && (await stat('/dev/fuse').catch(() => null)) !== null;
if (!drives) console.warn('tui.test.ts: mounts and files are skipped: they need root and /dev/fuse');

const environment = {
  HOME: bench.folder,
  STRATA_RUNTIME_DIR: bench.path('run'),
  STRATA_CONFIG_DIR: bench.path('jobs'),
  STRATA_STATE_DIR: bench.path('runs'),
  ...repo,
  STRATA_PASSWORD: passphrase,
  ...(process.env.STRATA_NODE ? { STRATA_NODE: process.env.STRATA_NODE } : {}),
};

let tmux: Tmux;
/** Of the shell, with nothing behind it. */
const prompt = /^(\S.*)?shell>$/m;

async function open(
  words = '',
  { columns = 80, rows = 24, env = {} }: { columns?: number; rows?: number; env?: Record<string, string> } = {},
) {
  tmux = await Tmux.open({ columns, rows, folder: bench.folder, env: { ...environment, ...env } });
  await tmux.line(`${join(checkout, 'strata')} ${words}`);
}

/** Leads to the points of the disk. */
async function openPoints(size = {}): Promise<void> {
  await open('', size);
  await tmux.shows('web1');
  await tmux.keys('Enter');
  await tmux.shows('FLAGS');
}

async function quit(): Promise<void> {
  await tmux.keys('C-c');
  await tmux.shows(prompt);
  expect(await tmux.tells('alternate_on')).toBe('0');
  expect(await tmux.tells('cursor_flag')).toBe('1');
}

async function childOf(pid: number | string): Promise<number> {
  return Number((await run('pgrep', ['--parent', String(pid)])).stdout.trim());
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

beforeAll(async () => {
  await mkdir(out);
  await writeFile(bench.path('pass'), passphrase, { mode: 0o600 });
  await makeImage(image, 24);
  await bench.document(['init'], { env: repo });
  for (const n of [1, 2, 3, 4]) {
    await addFile(image, `greeting-${n}`, Buffer.from(`hello ${n}`));
    await bench.events(['backup', image, '--machine', 'web1', '--disk', 'sda'], { env: repo });
  }
});

afterEach(() => tmux?.close());
afterAll(async () => {
  await bench.strata(['doctor', '--fix'], { env: repo });
});

describe.skipIf(trouble)('on a terminal', () => {
  test('it finds a point, filters, follows another size, and leaves the terminal as it was', async () => {
    await openPoints();
    await tmux.keys('/');
    await tmux.keys('-l', 'full');
    expect(await tmux.shows('/full')).toMatch(/> .* full /);
    await tmux.keys('Enter', 'Escape');
    await tmux.shows(/ inc {3}/);
    await tmux.resize(120, 40);
    await tmux.shows('two weeks to');
    await tmux.resize(50, 10);
    await tmux.shows('terminal too small (need 60x16)');
    await tmux.resize(60, 16);
    await tmux.shows('? help');
    await tmux.keys('3');
    await tmux.shows('4 points in 1 chain');
    await tmux.shows('this point');
    await tmux.keys('7');
    await tmux.shows('aes-256-gcm');
    await quit();
  });

  test('it compares two points', async () => {
    await openPoints();
    await tmux.keys('Space', 'j', 'j', 'c');
    const screen = await tmux.shows('OFFSET');
    expect(screen).toContain('differs');
    await quit();
  });

  test('it restores to a file once the word was typed, and reads it back', async () => {
    const target = join(out, 'disk.img');
    await openPoints();
    await tmux.keys('r');
    await tmux.shows('the whole disk');
    await tmux.keys('Enter');
    await tmux.shows('Write it to');
    await tmux.line(target);
    // Past the disks of this machine, where it has any.
    if (!(await tmux.screen()).includes('Restore 3/4')) await tmux.enter();
    await tmux.shows('Restore 3/4');
    await tmux.keys('Enter', 'Enter', 'Enter');
    await tmux.shows('Type restore to go on');
    await tmux.keys('Enter');
    await tmux.shows('type restore as it stands');
    expect(await stat(target).catch(() => null)).toBeNull();
    await tmux.line('restore');
    await tmux.shows('verified: all 24.0 MiB');
    expect(await sha256(target)).toBe(await sha256(image));
    await quit();
  });

  test.skipIf(!drives)('it looks into a point, and copies a file out', async () => {
    await openPoints();
    await tmux.keys('Enter');
    await tmux.shows('whole disk');
    await tmux.keys('Enter');
    await tmux.shows('greeting-4');
    await tmux.keys('f');
    await tmux.shows('Part of the name');
    await tmux.line('greeting-4');
    await tmux.shows('"greeting-4" below /');
    await tmux.shows(/> greeting-4 /);
    await tmux.keys('c');
    await tmux.shows('Copy greeting-4 out');
    await tmux.keys('C-u');
    await tmux.line(out);
    await tmux.shows('copied to');
    expect(await readFile(join(out, 'greeting-4'), 'utf8')).toBe('hello 4');
    await tmux.keys('1');
    await tmux.shows('HEALTH');
    await expect
      .poll(async () => (await run('losetup', ['--list', '--output', 'BACK-FILE'])).stdout.includes(bench.folder), {
        timeout: 20_000,
      })
      .toBe(false);
    await quit();
  });

  test.skipIf(!drives)('it compares a file across points', async () => {
    await openPoints();
    await tmux.keys('Enter');
    await tmux.shows('whole disk');
    await tmux.keys('Enter');
    await tmux.shows('greeting-4');
    await tmux.keys('/');
    await tmux.keys('-l', 'greeting-2');
    await tmux.keys('Enter', 'v');
    await tmux.shows('Compare greeting-2 across points');
    await tmux.keys('Enter');
    const screen = await tmux.shows('1 content in 4 points');
    expect(screen.match(/7 B, of .* as before/g)).toHaveLength(2);
    expect(screen).toMatch(/ {2}new$/m);
    expect(screen).toContain('not there');
    await quit();
  });

  test('it serves a point over NBD while its job runs', async () => {
    const socket = bench.path('nbd.sock');
    await openPoints();
    await tmux.keys('n');
    await tmux.shows('HOST:PORT or a socket');
    await tmux.keys('C-u');
    await tmux.line(socket);
    await tmux.keys('Enter', 'Enter');
    await tmux.shows('listens on nbd+unix:');
    expect((await stat(socket)).isSocket()).toBe(true);
    await tmux.keys('x');
    await tmux.shows('Cancel job');
    await tmux.keys('Enter');
    await tmux.shows('0 clients read 0 B');
    await quit();
  });

  test('it serves with TLS, and writes that are kept', async () => {
    const certificates = await makeCertificates();
    const overlay = bench.path('overlay');
    await openPoints();
    await tmux.keys('n');
    await tmux.shows('HOST:PORT or a socket');
    await tmux.keys('C-u');
    await tmux.line(bench.path('nbds.sock'));
    await tmux.keys('Down', 'Down', 'Enter', 'Right', 'Enter');
    await tmux.shows('Serve over NBD: files');
    await tmux.line(overlay);
    await tmux.line(certificates.server.certificate);
    await tmux.keys('Tab', 'Enter');
    await tmux.shows('TLS takes a certificate and its key');
    await tmux.keys('BTab');
    await tmux.line(certificates.server.key);
    await tmux.enter();
    await tmux.shows('listens on nbds+unix:');
    expect((await stat(overlay)).isFile()).toBe(true);
    await tmux.keys('x');
    await tmux.shows('Cancel job');
    await tmux.keys('Enter');
    await tmux.shows('what was written is in');
    await quit();
    await certificates.remove();
  });

  test('it backs up several sources in one run, and says which failed', async () => {
    const [one, two] = ['one.img', 'two disks.img'].map((name) => bench.path(name)) as [string, string];
    for (const source of [one, two]) await writeFile(source, Buffer.alloc(300_000, source));
    const path = bench.path('several');
    await bench.document(['init', '--no-encryption'], { env: { STRATA_REPO: path } });
    await open('', { env: { STRATA_REPO: path, STRATA_PASSWORD: '' } });
    await tmux.shows('There are no restore points yet');
    await tmux.keys('b');
    await tmux.shows('Other sources');
    await tmux.keys('Tab');
    await tmux.keys('-l', `${one} '${two}' ${bench.path('none.img')}`);
    await tmux.keys('Tab');
    await tmux.keys('-l', 'web9');
    await tmux.keys('Tab', 'Enter');
    await tmux.shows('2 of 3 disks backed up');
    await tmux.keys('5');
    await tmux.shows(/failed +\S/);
    await tmux.keys('Enter');
    const job = await tmux.shows('failed: ');
    expect(job).toContain('web9/one.img: full point');
    expect(job).toContain('does not exist');
    await tmux.keys('2');
    // Both are of one run: one is chosen, the other has the sign.
    const screen = await tmux.shows(/^ {2}\+web9/m);
    expect(new Set(screen.match(/group \w{4}/g)).size).toBe(1);
    await quit();
  });

  test('it forgets what is lost once that was named, and "drop" typed', async () => {
    const path = bench.path('damaged');
    const env = { STRATA_REPO: path, STRATA_PASSWORD: '' };
    const source = bench.path('small.img');
    await writeFile(source, Buffer.alloc(300_000, 'x'));
    await bench.document(['init', '--no-encryption'], { env });
    for (const machine of ['kept', 'lost']) await bench.events(['backup', source, '--machine', machine], { env });
    const points = await bench.document(['points'], { env });
    const { id } = points.find(({ machine }: { machine: string }) => machine === 'lost');
    for (const column of ['loc', 'dig']) await rm(join(path, 'maps', `${id}.${column}`));
    await open('', { env });
    await tmux.shows('kept');
    await tmux.keys('7');
    await tmux.shows('blocks of');
    await tmux.keys('r');
    await tmux.shows('lost whole');
    await tmux.keys('Down', 'Down', 'Enter', 'Enter');
    const question = await tmux.shows('Type drop to go on');
    expect(question).toContain('Nothing can be had of 1 point');
    expect(question).toMatch(new RegExp(`lost/small.img of .*, ${id.slice(0, 8)}`));
    await tmux.keys('Enter');
    await tmux.shows('type drop as it stands');
    expect(await bench.document(['points'], { env })).toHaveLength(2);
    await tmux.line('drop');
    await tmux.keys('1');
    await tmux.shows(/^ > kept/m);
    await expect.poll(async () => (await tmux.screen()).includes('lost '), { timeout: 20_000 }).toBe(false);
    await quit();
    expect(await bench.document(['points'], { env })).toMatchObject([{ machine: 'kept' }]);
  });

  test('it looks for damage, adds, changes and removes a passphrase, and saves a job', async () => {
    await open();
    await tmux.shows('web1');
    await tmux.keys('7');
    await tmux.shows('aes-256-gcm');
    await tmux.keys('r');
    await tmux.shows('write nothing');
    await tmux.keys('Enter', 'Enter');
    await tmux.shows('nothing is damaged');
    await tmux.keys('p');
    await tmux.shows('add one');
    await tmux.keys('Enter');
    await tmux.shows('New passphrase');
    await tmux.line('another');
    await tmux.line('anothre');
    await tmux.line('safe');
    await tmux.shows('the two are not the same');
    await tmux.keys('BTab', 'C-u');
    await tmux.line('another');
    await tmux.keys('Enter');
    await tmux.shows('the passphrase is added');
    const added = /key +(\w{8}) .* safe/.exec(await tmux.shows(/key .* safe/))?.[1] ?? '';
    await tmux.keys('p');
    await tmux.shows('add one');
    await tmux.keys('Left');
    await tmux.shows(`remove ${added} safe`);
    await tmux.keys('Enter');
    await tmux.shows(`Type ${added} to go on`);
    await tmux.line(added);
    await tmux.shows(`key ${added} is removed`);
    await tmux.keys('p');
    await tmux.shows('add one');
    await tmux.keys('Right', 'Enter');
    await tmux.shows('Change the passphrase');
    await tmux.line('for a moment');
    await tmux.line('for a moment');
    await tmux.shows('the passphrase is changed');
    // What it remembers is the new one: changing it back needs no question.
    await tmux.keys('p');
    await tmux.shows('add one');
    await tmux.keys('Right', 'Enter');
    await tmux.shows('Change the passphrase');
    await tmux.line(passphrase);
    await tmux.line(passphrase);
    await tmux.shows(/the passphrase is changed/);
    await tmux.keys('5');
    await tmux.shows('DOES');
    await tmux.keys('a');
    await tmux.shows('Save a job: what');
    await tmux.line('nightly');
    await tmux.enter();
    await tmux.shows('Other sources');
    await tmux.keys('Tab');
    await tmux.line(image);
    await tmux.shows('every night at 01:30');
    await tmux.keys('Tab', 'Tab', 'Enter');
    await tmux.shows('which file has the passphrase?');
    await tmux.line(bench.path('nowhere'));
    await tmux.shows('what stays');
    await tmux.keys('Tab', 'Tab', '7', ...Array(6).fill('Enter'));
    await tmux.shows('nowhere');
    await tmux.keys('Escape');
    await tmux.shows('File with the passphrase');
    await tmux.keys('C-u');
    await tmux.line(bench.path('pass'));
    await tmux.shows('what stays');
    await tmux.keys('Tab', 'Tab', '7', ...Array(6).fill('Enter'));
    expect(await tmux.shows('keeps  daily 7')).toMatch(/after a year +7 of 364, the oldest 6 days old/);
    await tmux.enter();
    await tmux.shows('saved: ');
    await quit();
    expect(await bench.document(['job', 'show', 'nightly'], { env: { ...environment } })).toMatchObject({
      name: 'nightly',
      kind: 'backup',
      schedule: { calendar: '30 1 * * *' },
      settings: { source: image, keep: { keepDaily: 7 } },
    });
  });

  test.skipIf(!drives)('it mounts, and unmounts what nobody uses', async () => {
    const folder = bench.path('mnt');
    await openPoints();
    await tmux.keys('m');
    await tmux.shows('Folder:');
    await tmux.keys('C-u');
    await tmux.line(folder);
    await tmux.shows('mounted: ');
    expect(await sha256(join(folder, 'web1/sda/latest/disk.raw'))).toBe(await sha256(image));
    await tmux.keys('4', 'w');
    await tmux.shows('nobody uses it');
    await tmux.keys('u');
    await tmux.shows('is not mounted any more');
    await quit();
  });

  test('it shows what a consolidation would do, and does it once the name of the machine was typed', async () => {
    await openPoints();
    await tmux.keys('C');
    await tmux.shows('Merge chains of more than');
    await tmux.keys('C-u', '2', 'Tab', '1', ...Array(5).fill(['Tab', 'C-u']).flat());
    await tmux.keys('Tab', 'Tab', 'Tab', 'Enter');
    await tmux.shows('Nothing was done yet');
    await tmux.keys('X');
    await tmux.shows('Type web1 to go on');
    await tmux.line('web1');
    await tmux.shows(/consolidate +done/);
    await quit();
    const points = await bench.document(['points'], { env: repo });
    expect(points).toMatchObject([{ kind: 'synthetic', chainLength: 1 }]);
  });

  test('it asks for the passphrase, and asks again when it was wrong', async () => {
    await open('', { env: { STRATA_PASSWORD: '' } });
    await tmux.shows('is encrypted');
    await tmux.line('not this one');
    await tmux.shows('wrong passphrase: it opens none');
    await tmux.shows('is encrypted');
    await tmux.line(passphrase);
    expect(await tmux.shows('HEALTH')).toContain('web1');
    await quit();
  });

  test('Ctrl-Z gives the shell back, and fg the screen', async () => {
    await openPoints();
    await tmux.keys('C-z');
    await tmux.shows(prompt);
    expect(await tmux.tells('alternate_on')).toBe('0');
    await tmux.line('fg');
    await tmux.shows('FLAGS');
    await tmux.keys('?');
    await tmux.shows('Keys on points');
    await quit();
  });

  test('a killed engine is said to be gone, and started again; none outlives a screen that is killed', async () => {
    await openPoints();
    const screen = await childOf(await tmux.tells('pane_pid'));
    process.kill(await childOf(screen), 'SIGKILL');
    await tmux.shows('engine gone: R');
    await tmux.keys('R');
    await tmux.shows(/strata {2}\S+ {2}web1\/sda {3}/);
    const engine = await childOf(screen);
    process.kill(screen, 'SIGTERM');
    await tmux.shows(prompt);
    await expect.poll(() => tmux.tells('alternate_on'), { timeout: 20_000 }).toBe('0');
    expect(await tmux.tells('cursor_flag')).toBe('1');
    await expect.poll(() => isThere(engine), { timeout: 20_000 }).toBe(false);
  });

  test('--plain says the screen in lines', async () => {
    await open('tui --plain');
    await tmux.shows(/^> web1 /m);
    expect(await tmux.tells('alternate_on')).toBe('0');
    await tmux.keys('Enter');
    await tmux.shows('TIME');
    await tmux.keys('C-c');
    await tmux.shows(prompt);
  });
});

test('without a terminal strata alone prints its help, and strata tui says what is missing', async () => {
  const alone = await bench.strata([]);
  expect(alone).toMatchObject({ code: 2 });
  expect(alone.stdout + alone.stderr).toContain('Usage: strata');
  const tui = await bench.strata(['tui']);
  expect(tui).toMatchObject({ code: 2, stdout: '' });
  expect(tui.stderr).toContain('needs a terminal');
});
