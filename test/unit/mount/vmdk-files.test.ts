import { execFileSync } from 'node:child_process';
import { link, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { inspectVmdk, type VmdkContent, writeVmdk } from '../../../src/mount/vmdk-files.ts';
import { scratchFolder, scratchRepository } from '../scratch.ts';

const point = '0123456789abcdef01234567';

async function bench(name = 'disk.vmdk') {
  const repo = await scratchRepository();
  const folder = await scratchFolder();
  const to = join(folder, name);
  const content = (text: string): VmdkContent<number> => ({
    extent: async (file) => {
      await file.writeFile(`extent of ${text}`);
      return text.length;
    },
    descriptor: (extentName) => Buffer.from(`${text}: ${extentName}`),
  });
  const inspect = (force = false) => inspectVmdk(repo, { to, format: 'vmdk', delta: false, force });
  const write = async (text: string, force = false) => writeVmdk(await inspect(force), point, content(text));
  return { folder, to, content, inspect, write };
}

const contents = async (folder: string) =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(folder)).map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
    ),
  );

describe('the files of a VMDK', () => {
  it.each([
    ['disk.vmdk', 'disk-flat.vmdk'],
    ['DISK.VMDK', 'DISK-flat.vmdk'],
    ['größe 1', 'größe 1-flat.vmdk'],
    ['x.vmdk.img', 'x.vmdk.img-flat.vmdk'],
  ])('%s and %s', async (descriptor, extent) => {
    const { folder, write } = await bench(descriptor);
    expect(await write('new')).toBe(3);
    expect(await contents(folder)).toEqual({ [descriptor]: `new: ${extent}`, [extent]: 'extent of new' });
    expect((await stat(join(folder, extent))).mode & 0o777).toBe(0o600);
  });

  it('are replaced both, with force', async () => {
    const { folder, write } = await bench();
    await write('old');
    await expect(write('new')).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
    await link(join(folder, 'disk-flat.vmdk'), join(folder, 'other name'));
    await write('a new one', true);
    expect(await contents(folder)).toEqual({
      'disk.vmdk': 'a new one: disk-flat.vmdk',
      'disk-flat.vmdk': 'extent of a new one',
      'other name': 'extent of old',
    });
  });

  it.each(['disk.vmdk', 'disk-flat.vmdk'])('are both looked for: %s alone is enough to refuse', async (name) => {
    const { folder, write } = await bench();
    await writeFile(join(folder, name), 'mine', { mode: 0o640 });
    await expect(write('new')).rejects.toMatchObject({ code: 'TARGET_EXISTS', params: { path: join(folder, name) } });
    expect(await contents(folder)).toEqual({ [name]: 'mine' });
    await write('new', true);
    expect(await contents(folder)).toEqual({
      'disk.vmdk': 'new: disk-flat.vmdk',
      'disk-flat.vmdk': 'extent of new',
    });
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o640);
  });

  it('are refused where a descriptor could not name its extent', async () => {
    for (const name of ['a "quoted" one.vmdk', 'two\nlines.vmdk']) {
      const { folder, inspect } = await bench(name);
      await expect(inspect()).rejects.toMatchObject({ code: 'VMDK_UNSUITABLE', exitCode: 2 });
      expect(await readdir(folder)).toEqual([]);
    }
    const { folder, inspect } = await bench();
    await mkdir(join(folder, 'elsewhere'));
    await writeFile(join(folder, 'elsewhere/extent'), '');
    await symlink('elsewhere/extent', join(folder, 'disk-flat.vmdk'));
    await expect(inspect(true)).rejects.toMatchObject({ code: 'VMDK_UNSUITABLE', exitCode: 2 });
  });

  it('lie where a link to the descriptor leads', async () => {
    const { folder, to, write } = await bench();
    await mkdir(join(folder, 'elsewhere'));
    await writeFile(join(folder, 'elsewhere/real.vmdk'), 'old');
    await symlink('elsewhere/real.vmdk', to);
    await write('new', true);
    expect(await contents(join(folder, 'elsewhere'))).toEqual({
      'real.vmdk': 'new: real-flat.vmdk',
      'real-flat.vmdk': 'extent of new',
    });
    expect(await readFile(to, 'utf8')).toBe('new: real-flat.vmdk');
  });

  it('stay as they were when the new ones fail, and nothing is left of those', async () => {
    const full = async () => {
      throw Object.assign(new Error('full'), { errno: -28, code: 'ENOSPC' });
    };
    for (const there of [false, true]) {
      const { folder, content, inspect, write } = await bench();
      if (there) await write('old');
      const before = await contents(folder);
      const target = await inspect(true);
      const failing = writeVmdk(target, point, { ...content('new'), extent: full });
      await expect(failing).rejects.toMatchObject({ code: 'NO_SPACE' });
      expect(await contents(folder)).toEqual(before);
    }
  });

  it('are one image while only the first of the two names has changed', async () => {
    const { folder, content, inspect, write } = await bench();
    await write('old');
    const seen: unknown[] = [];
    const watching = {
      ...content('new'),
      // Called for the descriptor in between, and for the one that stays.
      descriptor: (extentName: string) => {
        seen.push(extentName);
        return content('new').descriptor(extentName);
      },
    };
    await writeVmdk(await inspect(true), point, watching);
    expect(seen).toEqual(['disk-flat.vmdk.strata-01234567', 'disk-flat.vmdk']);
    expect(await readdir(folder)).toEqual(['disk-flat.vmdk', 'disk.vmdk']);
  });

  it('are not replaced where there are no hard links', async ({ skip }) => {
    const { folder, to, content, inspect, write } = await bench();
    await write('old');
    try {
      // Nothing can be linked to what must not change.
      execFileSync('chattr', ['+i', to], { stdio: 'ignore' });
    } catch {
      return skip('no file can be made immutable here');
    }
    onTestFinished(() => void execFileSync('chattr', ['-i', to]));
    const extent = () => Promise.reject(new Error('it is written though it cannot be used'));
    const refused = writeVmdk(await inspect(true), point, { ...content('new'), extent });
    await expect(refused).rejects.toMatchObject({ code: 'VMDK_UNSUITABLE', exitCode: 2 });
    expect(await readdir(folder)).toEqual(['disk-flat.vmdk', 'disk.vmdk']);
  });
});
