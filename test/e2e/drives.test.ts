/** Points as drives: attached, read, written over, committed, detached, and left behind by processes that are killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { findCommand } from '../../src/jobs/find-command.ts';
import { addFile, makeImage, run } from './images.ts';
import { type Json, openBench, passphrase, sha256 } from './strata.ts';

const bench = await openBench(passphrase);
const env = { STRATA_REPO: bench.path('repo') };
const image = bench.path('disk.img');
const at = bench.path('at');
const point = 'm/d@latest';

const trouble = await whyNoDrives();
if (trouble) console.warn(`drives.test.ts is skipped: ${trouble}`);

beforeAll(async () => {
  await makeImage(image, 24);
  await addFile(image, 'greeting', Buffer.from('hello'));
  await bench.document(['init'], { env });
  await bench.events(['backup', image, '--machine', 'm', '--disk', 'd'], { env });
});

// What a failed test leaves must not hold the folder.
afterEach(async () => {
  for (const { id } of await mounts()) await bench.strata(['detach', id, '--force'], { env });
});

afterAll(async () => {
  await bench.strata(['doctor', '--fix'], { env });
});

async function whyNoDrives(): Promise<string> {
  if (process.getuid?.() !== 0) return 'it needs root';
  return stat('/dev/fuse').then(
    () => '',
    () => 'there is no /dev/fuse',
  );
}

async function mounts(): Promise<Json[]> {
  return bench.document(['mounts'], { env });
}

async function attach(...words: string[]): Promise<Json> {
  return (await bench.events(['attach', point, '--at', at, ...words], { env })).at(-1);
}

async function detach(id: string, ...words: string[]): Promise<Json> {
  return (await bench.events(['detach', id, ...words], { env })).at(-1);
}

/** What mounts and devices the kernel has that belong to this test. */
async function left(): Promise<string[]> {
  const mounted = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .filter((line) => line.includes(bench.folder));
  const { stdout } = await run('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE']);
  return [...mounted, ...stdout.split('\n').filter((line) => line.includes(bench.folder))];
}

describe.skipIf(trouble)('a drive', () => {
  test('shows the files of a point, and takes no writes', async () => {
    const drive = await attach();
    expect(drive).toMatchObject({ readOnly: true, overlay: null, partitions: [{ fileSystem: 'ext4', mountedAt: at }] });
    expect(await readFile(join(at, 'greeting'), 'utf8')).toBe('hello');
    await expect(writeFile(join(at, 'new'), 'x')).rejects.toMatchObject({ code: 'EROFS' });
    expect(await sha256(drive.device)).toBe(await sha256(image));
    expect(await mounts()).toMatchObject([{ id: drive.id, kind: 'drive', state: 'ready', devices: [drive.device] }]);
    expect(await detach(drive.id)).toMatchObject({ committed: null, overlay: null });
    expect(await mounts()).toEqual([]);
    expect(await left()).toEqual([]);
    expect(await readdir(bench.path('run'))).toEqual([]);
  });

  test('that is written to leaves the point as it is, and forgets', async () => {
    const drive = await attach('--writable');
    await writeFile(join(at, 'new'), 'x');
    await detach(drive.id);
    await expect(stat(drive.overlay)).rejects.toMatchObject({ code: 'ENOENT' });
    await bench.events(['restore', point, '--to', bench.path('out'), '--force'], { env });
    expect(await sha256(bench.path('out'))).toBe(await sha256(image));
  });

  test('with an overlay of its own goes on where it was, and becomes a point', async () => {
    const overlay = bench.path('repair.overlay');
    const first = await attach('--writable', '--overlay', overlay);
    const refused = await bench.strata(['attach', point, '--writable', '--overlay', overlay], { env });
    expect(refused).toMatchObject({ code: 11, stderr: expect.stringContaining(`the overlay ${overlay} is in use`) });
    await writeFile(join(at, 'repaired'), 'well again');
    expect((await detach(first.id)).overlay).toBe(overlay);
    const second = await attach('--writable', '--overlay', overlay);
    expect(await readFile(join(at, 'repaired'), 'utf8')).toBe('well again');
    await run('umount', [at]);
    const written = await sha256(second.device);
    const { committed } = await detach(second.id, '--commit');
    expect(committed).toMatchObject({ kind: 'incremental', machine: 'm', disk: 'd', warnings: [] });
    await bench.events(['restore', committed.point, '--to', bench.path('out'), '--force'], { env });
    expect(await sha256(bench.path('out'))).toBe(written);
    const other = await bench.strata(['attach', point, '--writable', '--overlay', overlay], { env });
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('it was written over point') });
    await bench.strata(['forget', committed.point], { env });
  });

  test('that is in use is not taken apart, and its user is named', async () => {
    const drive = await attach();
    const user = spawn('sleep', ['1000'], { cwd: at });
    await once(user, 'spawn');
    const refused = await bench.strata(['detach', drive.id], { env });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`sleep (${user.pid}) works in ${at}`) });
    expect(await readFile(join(at, 'greeting'), 'utf8')).toBe('hello');
    user.kill('SIGKILL');
    await once(user, 'exit');
    await detach(drive.id);
    expect(await left()).toEqual([]);
  });

  test('that is not to be committed says so before anything is undone', async () => {
    const drive = await attach();
    expect(await bench.strata(['detach', drive.id, '--commit'], { env })).toMatchObject({ code: 2 });
    expect(await readFile(join(at, 'greeting'), 'utf8')).toBe('hello');
    await detach(drive.id);
  });

  test('whose server is killed is seen, cleared up by the next, and keeps what was written', async () => {
    const overlay = bench.path('killed.overlay');
    const drive = await attach('--writable', '--overlay', overlay);
    await writeFile(join(at, 'kept'), 'safe');
    await run('sync', ['-f', join(at, 'kept')]);
    const [{ pid }] = await mounts();
    process.kill(pid, 'SIGKILL');
    await expect.poll(async () => (await mounts())[0]?.state).toBe('leftover');
    // Its loop device still stands on a file that nobody shows; that keeps nobody from work on other files.
    await writeFile(bench.path('other.img'), 'other');
    await bench.events(['backup', bench.path('other.img'), '--machine', 'm', '--disk', 'other'], { env });
    await bench.events(['restore', 'm/other@latest', '--to', bench.path('other.out')], { env });
    expect(await readFile(bench.path('other.out'), 'utf8')).toBe('other');
    const events = await bench.events(['attach', point, '--at', at, '--writable', '--overlay', overlay], {
      env,
      code: 3,
    });
    expect(events).toContainEqual(
      expect.objectContaining({ code: 'LEFTOVER', message: expect.stringContaining(overlay) }),
    );
    expect(await readFile(join(at, 'kept'), 'utf8')).toBe('safe');
    expect((await mounts()).map(({ id }) => id)).not.toContain(drive.id);
    await detach(events.at(-1).id);
    expect(await left()).toEqual([]);
  });
});

test.skipIf(trouble)('what was to be thrown away is kept once somebody has named it', async () => {
  const drive = await attach('--writable');
  await writeFile(join(at, 'rescued'), 'safe');
  await run('sync', ['-f', join(at, 'rescued')]);
  const [{ pid }] = await mounts();
  process.kill(pid, 'SIGKILL');
  await expect.poll(async () => (await mounts())[0]?.state).toBe('leftover');
  await bench.document(['doctor', '--fix'], { env });
  const again = await attach('--writable', '--overlay', drive.overlay);
  expect(await readFile(join(at, 'rescued'), 'utf8')).toBe('safe');
  expect(await detach(again.id)).toMatchObject({ overlay: drive.overlay });
  expect((await stat(drive.overlay)).isFile()).toBe(true);
});

const noFuse2fs = trouble || ((await findCommand('fuse2fs')) === null ? 'there is no fuse2fs' : '');
if (noFuse2fs) console.warn(`drives.test.ts: a test of files without root is skipped: ${noFuse2fs}`);
test.skipIf(noFuse2fs)('files can be read without a block device, as doctor says', async () => {
  const [directory, files] = [bench.path('shown'), bench.path('files')];
  await mkdir(directory);
  await mkdir(files);
  await bench.document(['mount', directory], { env });
  const { machine } = await bench.document(['doctor'], { env });
  expect(machine).toContainEqual(expect.objectContaining({ name: 'ext4 without root', found: true }));
  await run('fuse2fs', ['-o', 'ro', join(directory, 'm/d/latest/disk.raw'), files]);
  try {
    expect(await readFile(join(files, 'greeting'), 'utf8')).toBe('hello');
  } finally {
    await run('fusermount3', ['-u', files]);
  }
  // Its server ends when it has closed the image, a moment after the unmount.
  await expect.poll(async () => (await bench.strata(['umount', directory], { env })).code).toBe(0);
  expect(await left()).toEqual([]);
});

test.skipIf(trouble)('leftovers are cleared by doctor, too', async () => {
  const directory = bench.path('points');
  await mkdir(directory);
  await bench.document(['mount', directory], { env });
  const [{ pid }] = await mounts();
  process.kill(pid, 'SIGKILL');
  await expect.poll(async () => (await mounts())[0]?.state).toBe('leftover');
  const found = await bench.document(['doctor', '--fix'], { env });
  expect(found.mounts).toMatchObject([{ kind: 'mount', cleared: true }]);
  expect(await mounts()).toEqual([]);
  expect(await left()).toEqual([]);
  expect(await readdir(directory)).toEqual([]);
});
