import { link, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { partOf, writeNewFile } from '../../../src/repository/new-file.ts';
import { scratchFolder } from '../scratch.ts';

const point = '0123456789abcdef01234567';

async function bench() {
  const folder = await scratchFolder();
  return { folder, path: join(folder, 'image') };
}

describe('a new file', () => {
  it('has its name when it is whole, and what was there before until then', async () => {
    const { folder, path } = await bench();
    await writeFile(path, 'old');
    await link(path, join(folder, 'other name'));
    const given = await writeNewFile({ path, mode: 0o640 }, point, async (file) => {
      await file.writeFile('new');
      expect(await readFile(path, 'utf8')).toBe('old');
      expect(await readdir(folder)).toContain('image.strata-01234567.part');
      return 7;
    });
    expect(given).toBe(7);
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    // It is another file: who has the old one keeps it.
    expect(await readFile(join(folder, 'other name'), 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['image', 'other name']);
  });

  it('is only for its owner when it replaces none', async () => {
    const { path } = await bench();
    await writeNewFile({ path, mode: null }, point, (file) => file.writeFile('new'));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('leaves nothing when it fails', async () => {
    const { folder, path } = await bench();
    const fails = async () => {
      throw Object.assign(new Error('full'), { errno: -28, code: 'ENOSPC' });
    };
    await expect(writeNewFile({ path, mode: null }, point, fails)).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes the place of what a killed process left', async () => {
    const { folder, path } = await bench();
    await writeFile(partOf(path, point), 'a very long beginning');
    await writeNewFile({ path, mode: null }, point, (file) => file.writeFile('new'));
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['image']);
  });

  it('fails where no file can be', async () => {
    const { folder, path } = await bench();
    const write = () => writeNewFile({ path, mode: null }, point, (file) => file.writeFile('new'));
    await mkdir(path);
    await expect(write()).rejects.toMatchObject({ code: 'IO' });
    expect(await readdir(folder)).toEqual(['image']);
    await rm(folder, { recursive: true });
    await expect(write()).rejects.toMatchObject({ code: 'IO' });
  });
});
