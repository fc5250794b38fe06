import { access, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clearLeftovers } from '../../../src/repository/leftovers.ts';
import { type CreateOptions, Repository } from '../../../src/repository/repository.ts';
import { scratchFolder, scratchRepository } from '../scratch.ts';

const sealed: CreateOptions = { blockSize: 65536, encryption: true, passphrase: 'secret' };
const open: CreateOptions = { blockSize: 65536, encryption: false };
const never = () => Promise.reject(new Error('asked for a passphrase'));

describe('Repository.create', () => {
  it('makes a repository in a folder that is new, folders above it too', async () => {
    const location = join(await scratchFolder(), 'a', 'b', 'repo');
    const repo = await Repository.create(location, sealed);
    expect(await readdir(location)).toEqual([
      'keys',
      'leases',
      'maps',
      'marks',
      'packs',
      'points',
      'strata.json',
      'tmp',
    ]);
    expect((await stat(location)).mode & 0o777).toBe(0o700);
    expect(await readFile(join(location, 'strata.json'), 'utf8')).not.toContain(repo.master.toString('hex'));
    expect(repo.keyId).toMatch(/^[0-9a-f]{16}$/);
    await repo.close();
    expect(repo.master.equals(Buffer.alloc(32))).toBe(true);
  });

  it('makes one in an empty folder, and asks for no passphrase without encryption', async () => {
    const location = await scratchFolder();
    await Repository.create(location, open);
    expect((await Repository.open(location, never)).keyId).toBeNull();
  });

  it.each([
    ['a file', 'notes.txt', 'LOCATION_NOT_EMPTY'],
    ['a folder of another kind', 'notes/x', 'LOCATION_NOT_EMPTY'],
    ['points without a configuration', 'points/x', 'LOCATION_NOT_EMPTY'],
    ['packs without a configuration', 'packs/00/x', 'LOCATION_NOT_EMPTY'],
    ['a repository', 'strata.json', 'REPOSITORY_EXISTS'],
  ])('refuses a folder that holds %s, and writes nothing', async (_, name, code) => {
    const location = await scratchFolder();
    const path = join(location, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, 'mine');
    const before = await readdir(location, { recursive: true });
    await expect(Repository.create(location, open)).rejects.toMatchObject({ code });
    expect(await readdir(location, { recursive: true })).toEqual(before);
    expect(await readFile(path, 'utf8')).toBe('mine');
  });

  it('begins anew where a creation was killed', async () => {
    const location = await scratchFolder();
    for (const folder of ['keys', 'points', 'tmp']) await mkdir(join(location, folder));
    await writeFile(join(location, 'keys', '0011223344556677.json'), '{"of": "the creation that was killed"}');
    await writeFile(join(location, 'tmp', 'put-1'), '{');
    const repo = await Repository.create(location, sealed);
    expect(await readdir(join(location, 'keys'))).toEqual([`${repo.keyId}.json`]);
    // It may be of a creation that is under way; a later run sweeps what is old.
    expect(await readdir(join(location, 'tmp'))).toEqual(['put-1']);
    await utimes(join(location, 'tmp', 'put-1'), 0, 0);
    await clearLeftovers(repo, new Map(), () => undefined);
    expect(await readdir(join(location, 'tmp'))).toEqual([]);
  });

  it('makes no more than one repository when two are made at one place at once', async () => {
    const location = await scratchFolder();
    const both = await Promise.allSettled([Repository.create(location, open), Repository.create(location, open)]);
    const made = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value.config.id] : []));
    expect(made).toEqual([(await Repository.open(location, never)).config.id]);
  });

  it.each([
    ['an empty passphrase', { ...sealed, passphrase: '' }, 'PASSPHRASE_EMPTY'],
    ['no passphrase', { blockSize: 65536, encryption: true }, 'PASSPHRASE_EMPTY'],
    ['an odd block size', { ...open, blockSize: 100_000 }, 'USAGE'],
  ])('refuses %s before it writes', async (_, options, code) => {
    const location = join(await scratchFolder(), 'repo');
    await expect(Repository.create(location, options)).rejects.toMatchObject({ code });
    await expect(access(location)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses a file and a place of an unknown kind', async () => {
    const file = join(await scratchFolder(), 'file');
    await writeFile(file, '');
    await expect(Repository.create(file, open)).rejects.toMatchObject({ code: 'LOCATION_UNSUITABLE' });
    await expect(Repository.create('sftp://host/x', open)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });
});

describe('Repository.open', () => {
  it('gives back what was created, through a link too', async () => {
    const repo = await scratchRepository('secret');
    const link = join(await scratchFolder(), 'link');
    await symlink(repo.location, link);
    const again = await Repository.open(link, async () => 'secret');
    expect(again.config).toEqual(repo.config);
    expect(again.master.equals(repo.master)).toBe(true);
  });

  it('refuses a wrong passphrase, an empty one, and hands on why there is none', async () => {
    const repo = await scratchRepository('secret');
    const tryWith = (passphrase: string) => Repository.open(repo.location, async () => passphrase);
    await expect(tryWith('Secret')).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' });
    await expect(tryWith('')).rejects.toMatchObject({ code: 'PASSPHRASE_EMPTY' });
    await expect(Repository.open(repo.location, never)).rejects.toThrow('asked for a passphrase');
  });

  it.each(['missing', 'empty', 'file'])('says that there is no repository in what is %s', async (kind) => {
    const location = join(await scratchFolder(), 'x');
    if (kind === 'empty') await mkdir(location);
    if (kind === 'file') await writeFile(location, '');
    await expect(Repository.open(location, never)).rejects.toMatchObject({ code: 'NO_REPOSITORY', exitCode: 10 });
  });

  it('refuses a configuration that is damaged or newer', async () => {
    const repo = await scratchRepository();
    const path = join(repo.location, 'strata.json');
    await writeFile(path, JSON.stringify({ ...repo.config, format: 2 }));
    await expect(Repository.open(repo.location, never)).rejects.toMatchObject({ code: 'FORMAT_NEWER', exitCode: 1 });
    await writeFile(path, JSON.stringify(repo.config).slice(0, -5));
    await expect(Repository.open(repo.location, never)).rejects.toMatchObject({ code: 'CONFIG_DAMAGED', exitCode: 13 });
  });
});
