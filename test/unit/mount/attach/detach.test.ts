import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { detachDrive } from '../../../../src/mount/attach/detach.ts';
import { thisProcess } from '../../../../src/repository/here.ts';
import { inOtherNamespace, otherNamespace } from '../../../lab/other-namespace.ts';
import { openStage, type Stage } from './drives.ts';
import { announce, loopsBelow, makeDisk, makeImage, mebibyte, mountsBelow, run, whyNot } from './images.ts';

const skipped = announce('detach.test.ts', whyNot('ext4', 'xfs'));
const gently = { force: false };

/** A program that works in a folder until the test ends. */
async function programIn(folder: string): Promise<number> {
  const program = spawn('sh', ['-c', 'echo ready; exec sleep 1000'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(async () => {
    const ended = once(program, 'exit');
    if (program.exitCode === null && program.signalCode === null && program.kill('SIGKILL')) await ended;
  });
  await once(program.stdout, 'data');
  return program.pid ?? 0;
}

/**
 * A drive of `image` whose loop device was detached, and has `file` by now. A device that is free anybody may take, so when another test
 * was quicker there is a new drive.
 */
async function attachedElsewhere(
  stage: Stage,
  { at, file, flags = [] }: { at?: string; file: string; flags?: string[] },
) {
  for (;;) {
    const drive = await stage.attach(stage.path('image'), at === undefined ? {} : { at });
    if (at !== undefined) run('umount', at);
    run('losetup', '--detach', drive.device);
    try {
      run('losetup', ...flags, drive.device, file);
      return drive;
    } catch (error) {
      if (!String(error).includes('busy')) throw error;
      await detachDrive(stage.records, drive.id, gently);
    }
  }
}

describe.skipIf(skipped)('detachDrive', () => {
  it('leaves a drive that is in use whole, and names who uses it', async () => {
    const stage = await openStage();
    const at = stage.path('mounted');
    for (const type of ['ext4', 'xfs'] as const) await makeImage(stage.path(type), type);
    await makeDisk(stage.path('disk'), 'gpt', [stage.path('ext4'), stage.path('xfs')]);
    const drive = await stage.attach(stage.path('disk'), { at });
    const pid = await programIn(join(at, '1'));
    await expect(detachDrive(stage.records, drive.id, gently)).rejects.toMatchObject({
      code: 'IN_USE',
      message: `drive ${drive.id} is in use: sleep (${pid}) works in ${join(at, '1')}`,
    });
    expect(await mountsBelow(stage.folder)).toEqual([join(at, '1'), join(at, '2')]);
    expect(await stage.records.read(drive.id)).toMatchObject({ state: 'ready', owner: null });

    // By force the folders are free at once, the devices as soon as the program ends.
    await detachDrive(stage.records, drive.id, { force: true });
    expect(await mountsBelow(stage.folder)).toEqual([]);
    expect(loopsBelow(stage.folder)).toEqual([drive.partitions[0]?.device]);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => loopsBelow(stage.folder)).toEqual([]);
  });

  it('names who reads the device', async () => {
    const stage = await openStage();
    await makeImage(stage.path('image'), 'ext4');
    const { id, device } = await stage.attach(stage.path('image'));
    const reader = await open(device);
    await expect(detachDrive(stage.records, id, gently)).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringContaining(`(${process.pid}) has ${device} open`),
    });
    await reader.close();
    await detachDrive(stage.records, id, gently);
    expect(loopsBelow(stage.folder)).toEqual([]);
  });

  it.skipIf(otherNamespace() === null)(
    'names the mount namespace that keeps a device, and goes on when asked again',
    async () => {
      const stage = await openStage();
      const at = stage.path('mounted');
      await makeImage(stage.path('image'), 'ext4');
      // To remove a folder would take it from all namespaces.
      await mkdir(at);
      const { id, device } = await stage.attach(stage.path('image'), { at });
      const pid = otherNamespace() ?? 0;
      inOtherNamespace(pid, 'mount', '-o', 'ro,noload', device, at);
      onTestFinished(() => {
        if (existsSync(at)) inOtherNamespace(pid, 'sh', '-c', `umount ${at} || true`);
      });
      // Its folder can be unmounted; only then it is seen that the device stays in use.
      await expect(detachDrive(stage.records, id, gently)).rejects.toMatchObject({
        code: 'IN_USE',
        message: expect.stringContaining(`(${pid}) has ${device} mounted at ${at} in its mount namespace`),
      });
      expect(await mountsBelow(stage.folder)).toEqual([]);
      expect(await readdir(stage.records.folder)).toHaveLength(1);
      inOtherNamespace(pid, 'umount', at);
      await expect.poll(() => loopsBelow(stage.folder)).toEqual([]);
      await detachDrive(stage.records, id, gently);
      expect(await readdir(stage.records.folder)).toEqual([]);
    },
  );

  it('does not touch what others made of the same names meanwhile', async () => {
    const stage = await openStage();
    const at = stage.path('mounted');
    await makeImage(stage.path('image'), 'ext4');
    await makeImage(stage.path('foreign'), 'ext4');
    const { id, device } = await attachedElsewhere(stage, { at, file: stage.path('foreign') });
    run('mount', device, at);
    await detachDrive(stage.records, id, gently);
    expect(await mountsBelow(stage.folder)).toEqual([at]);
    expect(loopsBelow(stage.folder)).toEqual([device]);
    expect(await readdir(stage.records.folder)).toEqual([]);
  });

  it('knows its loop device also when the same file was attached to it again by others', async () => {
    const stage = await openStage();
    await makeImage(stage.path('image'), 'ext4');
    const { id, device } = await attachedElsewhere(stage, { file: stage.path('image'), flags: ['--read-only'] });
    await detachDrive(stage.records, id, gently);
    expect(loopsBelow(stage.folder)).toEqual([device]);
  });

  it('leaves folders in which something lies by now', async () => {
    const stage = await openStage();
    await makeImage(stage.path('ext4'), 'ext4');
    await makeDisk(stage.path('disk'), 'dos', [stage.path('ext4')]);
    const { id } = await stage.attach(stage.path('disk'), { at: stage.path('a') });
    await writeFile(stage.path('a/note'), 'mine');
    await detachDrive(stage.records, id, gently);
    expect(await readdir(stage.path('a'))).toEqual(['note']);
  });

  it('does not know other ids, and nothing but drives', async () => {
    const stage = await openStage();
    for (const id of ['00000000', '../../etc/passwd', '']) {
      await expect(detachDrive(stage.records, id, gently)).rejects.toMatchObject({ code: 'DRIVE_NOT_FOUND' });
    }
  });

  it('keeps away from a drive that another process is just making', async () => {
    const stage = await openStage();
    await makeImage(stage.path('image'), 'ext4');
    const { id } = await stage.attach(stage.path('image'));
    const record = await stage.records.read(id);
    const here = thisProcess();
    const pid = await programIn(stage.folder);
    const owner = { pid, start: here.startOf(pid) ?? '', pidNamespace: here.pidNamespace };
    if (record !== null) await stage.records.write({ ...record, state: 'making', owner });
    await expect(detachDrive(stage.records, id, gently)).rejects.toMatchObject({ code: 'IN_USE' });
    expect(loopsBelow(stage.folder)).toHaveLength(1);
  });

  it('names what stands on a device or lies in a folder: mounts and loop devices of others', async () => {
    const stage = await openStage();
    const at = stage.path('mounted');
    await makeImage(stage.path('image'), 'ext4');
    const { id, device } = await stage.attach(stage.path('image'), { at, writable: true });
    await writeFile(join(at, 'inner'), Buffer.alloc(mebibyte));
    await mkdir(join(at, 'folder'));
    await mkdir(stage.path('elsewhere'));
    run('mount', '-t', 'tmpfs', 'inside', join(at, 'folder'));
    run('mount', '--bind', at, stage.path('elsewhere'));
    const inner = run('losetup', '--find', '--show', join(at, 'inner')).trim();
    await expect(detachDrive(stage.records, id, gently)).rejects.toMatchObject({
      message: [
        `drive ${id} is in use: the kernel has inside mounted at ${at}/folder`,
        `the kernel has ${device} mounted at ${stage.path('elsewhere')}`,
        `the kernel shows ${at}/inner as ${inner}`,
      ].join(', '),
    });
    expect(await readFile(join(at, 'hello'), 'utf8')).toBe('ext4');
  });
});
