import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AttachRequest, attachDrive, type Drive } from '../../../src/mount/attach/attach.ts';
import { detachDrive } from '../../../src/mount/attach/detach.ts';
import { mountOf, unmountFuse } from '../../../src/mount/fuse-mounts.ts';
import { clearLeftovers, findLeftovers } from '../../../src/mount/janitor.ts';
import { identityOf, type ProcessIdentity } from '../../../src/mount/processes.ts';
import { Journal } from '../../../src/mount/records/journal.ts';
import type { FusePiece, MountRecord } from '../../../src/mount/records/record.ts';
import { Records } from '../../../src/mount/records/records.ts';
import { thisProcess } from '../../../src/repository/here.ts';
import { scratchFolder } from '../scratch.ts';
import { openStage, requestFor, type Stage } from './attach/drives.ts';
import { announce, hasProgram, loopsBelow, makeDisk, makeImage, mountsBelow, run, whyNot } from './attach/images.ts';

const here = thisProcess();
const noLoops = announce('janitor.test.ts', whyNot('ext4'));
const noFuse = announce(
  'janitor.test.ts',
  hasProgram('fuse2fs') && hasProgram('sfdisk') ? '' : 'no fuse2fs, or no sfdisk',
);
const dead: ProcessIdentity = { ...identityOf(here), start: '1' };

interface Served {
  readonly stage: Stage;
  readonly server: ChildProcess;
  readonly mount: MountRecord;
  readonly fuse: FusePiece;
  /** The image of a disk, as the server shows it. */
  readonly image: string;
}

/** A FUSE server that is no process of ours, with a disk in its mount, and the record of both. */
async function serve(access: 'ro' | 'rw' = 'ro'): Promise<Served> {
  const stage = await openStage();
  const [at, tree] = [stage.path('private'), stage.path('tree')];
  await makeImage(stage.path('ext4'), 'ext4');
  await mkdir(tree);
  await makeDisk(join(tree, 'disk.raw'), 'gpt', [stage.path('ext4')]);
  run('mkfs.ext4', '-q', '-d', tree, stage.path('carrier'), '64M');
  const source = `strata:${stage.folder}`;
  const journal = await Journal.begin(stage.records, { ...requestFor(''), kind: 'mount', point: null });
  await journal.add({ kind: 'folder', path: at });
  await mkdir(at);
  await journal.add({ kind: 'fuse', at, source, device: null });
  const options = `${access},no_default_opts,allow_other,default_permissions,fsname=${source}`;
  const server = spawn('fuse2fs', ['-f', '-o', options, stage.path('carrier'), at], { stdio: 'ignore' });
  onTestFinished(() => end(server));
  const fuse: FusePiece = { kind: 'fuse', at, source, device: null };
  await expect.poll(() => mountOf(fuse)).not.toBe(null);
  const made = { ...fuse, device: (await mountOf(fuse))?.device ?? null };
  await journal.amend(made);
  const pid = server.pid ?? 0;
  await journal.settle({ ...identityOf(here), pid, start: here.startOf(pid) ?? '' });
  return { stage, server, mount: journal.record, fuse: made, image: join(at, 'disk.raw') };
}

/** Attaches the disk that a server shows; its devices go with the test, whatever their files are called by then. */
async function attachServed(
  { stage, server, mount, image }: Served,
  request: Partial<AttachRequest> = {},
): Promise<Drive> {
  const whole = {
    ...requestFor(image),
    at: stage.path('mounted'),
    server: mount.owner,
    standsOn: mount.id,
    ...request,
  };
  const drive = await attachDrive(stage.records, whole, AbortSignal.timeout(60_000));
  onTestFinished(async () => {
    await end(server);
    for (const device of [drive.device, ...drive.partitions.map((partition) => partition.device)]) {
      if (/\/disk\.raw$/m.test(await fileOf(device))) run('losetup', '--detach', device);
    }
  });
  return drive;
}

/** The file that a loop device shows. */
async function fileOf(device: string): Promise<string> {
  return readFile(`/sys/block/${device.slice(5)}/loop/backing_file`, 'utf8').catch(() => '');
}

/** Kills a process of this test, if it still runs, and waits for its end. */
async function end(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null) return;
  const ended = once(program, 'exit');
  program.kill('SIGKILL');
  await ended;
}

async function expectNothing({ folder, records }: Stage): Promise<void> {
  expect(await mountsBelow(folder)).toEqual([]);
  expect(loopsBelow(folder)).toEqual([]);
  expect(await readdir(records.folder)).toEqual([]);
  expect(await readdir(folder)).not.toContain('private');
}

describe.skipIf(noLoops)('a drive', () => {
  it('is no leftover while it is there and needs nobody, and one when all of it was taken away', async () => {
    const stage = await openStage();
    await makeImage(stage.path('image'), 'ext4');
    const { id, device } = await stage.attach(stage.path('image'), { at: stage.path('mounted') });
    expect(await findLeftovers(stage.records)).toEqual([]);
    run('umount', stage.path('mounted'));
    expect(await findLeftovers(stage.records)).toEqual([]);
    run('losetup', '--detach', device);
    expect(await findLeftovers(stage.records)).toMatchObject([{ record: { id }, cause: 'gone' }]);
    expect(await clearLeftovers(stage.records)).toMatchObject([{ record: { id }, trouble: null }]);
    await expectNothing(stage);
    expect(await readdir(stage.folder)).not.toContain('mounted');
  });

  it('whose server died is cleared although somebody works in it; its overlay is named', async () => {
    const stage = await openStage();
    await makeImage(stage.path('image'), 'ext4');
    const at = stage.path('mounted');
    const { id, device } = await stage.attach(stage.path('image'), { at, overlay: '/overlay', server: dead });
    const program = spawn('sleep', ['1000'], { cwd: at, stdio: 'ignore' });
    onTestFinished(() => end(program));
    expect(await clearLeftovers(stage.records)).toMatchObject([
      { record: { id, overlay: '/overlay' }, cause: 'process-dead', trouble: null },
    ]);
    expect(await mountsBelow(stage.folder)).toEqual([]);
    expect(loopsBelow(stage.folder)).toEqual([device]);
    await end(program);
    await expect.poll(() => loopsBelow(stage.folder)).toEqual([]);
    expect(await readdir(stage.records.folder)).toEqual([]);
  });

  it('of an earlier start of the machine is forgotten: what has its names now is not touched', async () => {
    const stage = await openStage();
    await makeImage(stage.path('image'), 'ext4');
    const { id, device } = await stage.attach(stage.path('image'), { at: stage.path('mounted') });
    const record = await stage.records.read(id);
    if (record !== null) await stage.records.write({ ...record, bootId: 'earlier' });
    expect(await clearLeftovers(stage.records)).toMatchObject([{ cause: 'restarted', trouble: null }]);
    expect(await mountsBelow(stage.folder)).toEqual([stage.path('mounted')]);
    expect(loopsBelow(stage.folder)).toEqual([device]);
    expect(await readdir(stage.records.folder)).toEqual([]);
  });
});

describe.skipIf(noLoops || noFuse)('a FUSE mount', () => {
  it('whose server was killed goes, with the drive on it', async () => {
    const served = await serve();
    const { stage, server, mount } = served;
    const drive = await attachServed(served);
    expect(await readFile(stage.path('mounted/1/hello'), 'utf8')).toBe('ext4');
    expect(await findLeftovers(stage.records)).toEqual([]);
    await end(server);
    expect(await findLeftovers(stage.records)).toMatchObject([
      { record: { id: mount.id } },
      { record: { id: drive.id } },
    ]);
    expect(await clearLeftovers(stage.records)).toMatchObject([
      { record: { id: drive.id }, cause: 'process-dead', trouble: null },
      { record: { id: mount.id }, cause: 'process-dead', trouble: null },
    ]);
    await expectNothing(stage);
  });

  it('is found under a drive also when it was unmounted lazily before', async () => {
    const served = await serve();
    const { stage, server, fuse } = served;
    const drive = await attachServed(served);
    run('umount', '--lazy', fuse.at);
    expect(await fileOf(drive.device)).toBe('/disk.raw\n');
    await end(server);
    expect((await clearLeftovers(stage.records)).map(({ trouble }) => trouble)).toEqual([null, null]);
    expect(await fileOf(drive.device)).not.toBe('/disk.raw\n');
    await expectNothing(stage);
  });

  it('whose server hangs is cut off when its time has come: what hangs in the kernel goes on', async () => {
    const served = await serve('rw');
    const { stage, server } = served;
    const drive = await attachServed(served, { writable: true });
    // It is to be written when its file system is unmounted.
    await writeFile(stage.path('mounted/1/new'), Buffer.alloc(1024 * 1024, 1));
    server.kill('SIGSTOP');
    const words = [`if=${drive.device}`, 'of=/dev/null', 'bs=1M', 'skip=1', 'iflag=direct'];
    const reader = spawn('dd', words, { stdio: 'ignore' });
    const ended = once(reader, 'exit');
    await expect.poll(() => readFile(`/proc/${reader.pid}/status`, 'utf8')).toMatch(/State:\sD/);
    // The server is alive: nobody takes its mount away.
    expect(await findLeftovers(stage.records)).toEqual([]);
    for (const record of (await stage.records.list()).records) await stage.records.write({ ...record, owner: dead });
    expect((await clearLeftovers(stage.records)).map(({ trouble }) => trouble)).toEqual([null, null]);
    await ended;
    await expect.poll(() => loopsBelow(stage.folder)).toEqual([]);
    await expectNothing(stage);
  });

  it('for a drive goes with the process that it was made for, unless a drive stands on it', async () => {
    const served = await serve();
    const { stage, server } = served;
    const drive = await attachServed(served, { server: null });
    const forDrive = { ...served.mount, point: 'm/disk@latest', client: dead };
    await stage.records.write(forDrive);
    expect(await findLeftovers(stage.records)).toEqual([]);

    // Who detaches the drive may read the mount still, as long as he lives.
    await detachDrive(stage.records, drive.id, { force: false });
    expect(await stage.records.read(forDrive.id)).toMatchObject({ client: { pid: process.pid } });
    expect(await findLeftovers(stage.records)).toEqual([]);

    const ended = once(server, 'exit');
    await stage.records.write(forDrive);
    expect(await clearLeftovers(stage.records)).toMatchObject([
      { record: { id: forDrive.id }, cause: 'abandoned', trouble: null },
    ]);
    await ended;
    await expectNothing(stage);
  });

  it('goes with the drive on it that was never finished', async () => {
    const served = await serve();
    const { stage, mount } = served;
    const drive = await attachServed(served);
    const record = await stage.records.read(drive.id);
    if (record !== null) await stage.records.write({ ...record, state: 'making', owner: dead });
    await stage.records.write({ ...mount, point: 'm/disk@latest', client: dead });
    expect(await clearLeftovers(stage.records)).toMatchObject([
      { record: { id: drive.id }, cause: 'process-dead', trouble: null },
      { record: { id: mount.id }, cause: 'abandoned', trouble: null },
    ]);
    await expectNothing(stage);
  });

  it('that hangs can be taken off by force', async () => {
    const { stage, server, mount, fuse } = await serve();
    server.kill('SIGSTOP');
    await unmountFuse(fuse, { force: true, record: mount.id });
    expect(await mountsBelow(stage.folder)).toEqual([]);
  });

  it('of somebody else at the same place is not touched', async () => {
    const { stage, server, mount, fuse } = await serve();
    for (const other of [
      { ...fuse, source: 'strata:other' },
      { ...fuse, device: '0:1' },
    ]) {
      await stage.records.write({ ...mount, owner: dead, pieces: [other] });
      expect(await clearLeftovers(stage.records)).toMatchObject([{ trouble: null }]);
      expect(await mountsBelow(stage.folder)).toEqual([fuse.at]);
    }
    expect(server.exitCode).toBe(null);
  });
});

describe('records', () => {
  it('that cannot be read are left alone, and the others cleared', async () => {
    const folder = await scratchFolder();
    const records = new Records(folder);
    const journal = await Journal.begin(records, { ...requestFor(''), kind: 'drive' });
    await journal.settle(dead);
    run('sh', '-c', `echo nothing > ${folder}/0000000a.json`);
    expect(await clearLeftovers(records)).toMatchObject([{ record: { id: journal.id } }]);
    expect(await readdir(folder)).toEqual(['0000000a.json']);
  });

  it('of a process that cannot be seen from here are not touched', async () => {
    const records = new Records(await scratchFolder());
    const journal = await Journal.begin(records, { ...requestFor(''), kind: 'drive' });
    await journal.settle({ ...dead, pidNamespace: 'pid:[1]' });
    expect(await findLeftovers(records)).toEqual([]);
  });

  it('of a process that is dead, and not yet waited for, are leftovers', async () => {
    const records = new Records(await scratchFolder());
    const journal = await Journal.begin(records, { ...requestFor(''), kind: 'drive' });
    // The shell becomes a program that never waits for its child.
    const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => end(parent));
    const [text] = await once(parent.stdout.setEncoding('utf8'), 'data');
    const pid = Number(text);
    await expect.poll(() => readFile(`/proc/${parent.pid}/comm`, 'utf8')).toBe('sleep\n');
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => readFile(`/proc/${pid}/status`, 'utf8')).toMatch(/State:\sZ/);
    await journal.settle({ ...identityOf(here), pid, start: here.startOf(pid) ?? '' });
    expect(await findLeftovers(records)).toMatchObject([{ cause: 'process-dead' }]);
  });
});
