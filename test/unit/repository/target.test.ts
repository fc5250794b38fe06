import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectTarget, requireRoom, type TargetRequest } from '../../../src/repository/target.ts';
import { attach, hasLoop, mount } from '../loop.ts';
import { scratchFolder, scratchRepository } from '../scratch.ts';

async function bench() {
  const repo = await scratchRepository();
  const folder = await scratchFolder();
  const target = join(folder, 'target');
  const inspect = (request: Partial<TargetRequest> = {}) =>
    inspectTarget(repo, { to: target, format: 'raw', delta: false, force: false, ...request });
  return { repo, folder, target, inspect };
}

describe('a target', () => {
  it('that is not there is a new file, unless it is to be compared', async () => {
    const { folder, target, inspect } = await bench();
    expect(await inspect()).toEqual({ path: target, kind: 'new', mode: null });
    await expect(inspect({ delta: true })).rejects.toMatchObject({ code: 'TARGET_MISSING' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('that is there is replaced with force, written in place with delta, and else refused', async () => {
    const { target, inspect } = await bench();
    await writeFile(target, 'mine', { mode: 0o640 });
    await expect(inspect()).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
    expect(await inspect({ force: true })).toEqual({ path: target, kind: 'new', mode: 0o640 });
    expect(await inspect({ delta: true })).toEqual({ path: target, kind: 'file', mode: 0o640 });
  });

  it('behind a link is what the link leads to', async () => {
    const { folder, target, inspect } = await bench();
    const link = join(folder, 'link');
    await symlink(target, link);
    await expect(inspect({ to: link, force: true })).rejects.toMatchObject({ code: 'TARGET_UNSUITABLE' });
    await writeFile(target, 'mine');
    expect(await inspect({ to: link, force: true })).toMatchObject({ path: target });
    await symlink(folder, join(folder, 'folder'));
    expect(await inspect({ to: join(folder, 'folder/new') })).toMatchObject({ path: join(folder, 'new') });
  });

  it.each([
    ['in a folder that is not there', '/nowhere/at/all', 'TARGET_MISSING'],
    ['that is a folder', '.', 'TARGET_UNSUITABLE'],
    ['that is a character device', '/dev/null', 'TARGET_UNSUITABLE'],
  ])('%s is refused', async (_, to, code) => {
    const { inspect } = await bench();
    for (const format of ['raw', 'qcow2'])
      await expect(inspect({ to, format, force: true })).rejects.toMatchObject({ code });
  });

  it('in the repository is refused', async () => {
    const { repo, inspect } = await bench();
    for (const name of ['new', 'packs/new', 'strata.json']) {
      const to = repo.store.localPath(name);
      await expect(inspect({ to, force: true })).rejects.toMatchObject({ code: 'TARGET_IN_REPOSITORY' });
    }
  });

  it('needs room for what is stored, not for its size', async () => {
    const { folder, target, inspect } = await bench();
    await requireRoom(await inspect(), 2 ** 60, 1000);
    await expect(requireRoom(await inspect(), 2 ** 60, 2 ** 60)).rejects.toMatchObject({
      code: 'NO_SPACE',
      params: { what: expect.stringContaining(`${target} needs ${2 ** 60} bytes`) },
    });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe.skipIf(!hasLoop)('a target that is a block device', () => {
  const mib = 1024 * 1024;

  async function device(folder: string): Promise<{ path: string; file: string }> {
    const file = join(folder, 'device.img');
    await writeFile(file, Buffer.alloc(16 * mib));
    return { path: attach(file), file };
  }

  it('is written in place, with force or delta, and raw', async () => {
    const { folder, inspect } = await bench();
    const { path } = await device(folder);
    await expect(inspect({ to: path })).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
    expect(await inspect({ to: path, force: true })).toEqual({ path, kind: 'device', mode: null });
    expect(await inspect({ to: path, delta: true })).toEqual({ path, kind: 'device', mode: null });
    for (const force of [true, false]) {
      const refused = inspect({ to: path, format: 'vhdx', force });
      await expect(refused).rejects.toMatchObject({ code: 'DEVICE_TAKES_RAW', exitCode: 2 });
    }
  });

  it('must be large enough', async () => {
    const { folder, inspect } = await bench();
    const { path } = await device(folder);
    const target = await inspect({ to: path, force: true });
    await requireRoom(target, 16 * mib, 16 * mib);
    await expect(requireRoom(target, 16 * mib + 1, 0)).rejects.toMatchObject({
      code: 'TARGET_TOO_SMALL',
      params: { available: 16 * mib, needed: 16 * mib + 1 },
    });
  });

  it('is never one that is mounted', async () => {
    const { folder, inspect } = await bench();
    const { path } = await device(folder);
    const place = join(folder, 'mounted');
    await mkdir(place);
    mount(path, place);
    for (const way of [{ force: true }, { delta: true }, {}]) {
      await expect(inspect({ to: path, ...way })).rejects.toMatchObject({
        code: 'TARGET_MOUNTED',
        params: { where: place },
      });
    }
  });

  it('has a file behind it that is not written in place', async () => {
    const { folder, inspect } = await bench();
    const { file } = await device(folder);
    await expect(inspect({ to: file, delta: true, force: true })).rejects.toMatchObject({ code: 'TARGET_IN_USE' });
    // What is replaced stays as it was for who has it open.
    expect(await inspect({ to: file, force: true })).toMatchObject({ kind: 'new' });
    expect((await stat(file)).size).toBe(16 * mib);
  });
});
