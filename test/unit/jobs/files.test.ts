/** Files of a point, looked at and copied out: with names, links and kinds of files as others make them. */
import { execFileSync } from 'node:child_process';
import { chmod, lstat, mkdir, readFile, readlink, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findFiles, listFolder } from '../../../src/jobs/files/browse.ts';
import { copyOutJob } from '../../../src/jobs/files/copy-out.ts';
import { pathOf, resolveInside, shownName } from '../../../src/jobs/files/path.ts';
import type { JobEvent } from '../../../src/jobs/job.ts';
import { quiet, scratchFolder } from '../scratch.ts';

const time = new Date('2020-02-02T02:02:02Z');

/** A tree with what is awkward in it. */
async function makeTree(): Promise<{ root: string; folder: string }> {
  const folder = await scratchFolder();
  const root = join(folder, 'root');
  await mkdir(join(root, 'etc/deep'), { recursive: true });
  await writeFile(join(root, 'etc/passwd'), 'root');
  await writeFile(join(root, 'etc/deep/Пароли.txt'), 'x'.repeat(3_000_000));
  await chmod(join(root, 'etc/passwd'), 0o640);
  await utimes(join(root, 'etc/passwd'), time, time);
  await symlink('/etc', join(root, 'way-out'));
  await symlink('/nowhere', join(root, 'etc/dangling'));
  await writeFile(Buffer.from(`${root}/etc/bad-\xff\u001b[2J`, 'latin1'), 'odd');
  execFileSync('mkfifo', [join(root, 'etc/pipe')]);
  return { root, folder };
}

test('a folder shows folders first, and names that do no harm', async () => {
  const { root } = await makeTree();
  const names = (await listFolder(root, 'etc')).map(({ name, kind }) => `${kind} ${name}`);
  expect(names).toEqual(['folder deep', 'file bad-??[2J', 'link dangling', 'file passwd', 'other pipe']);
  expect((await listFolder(root, '')).map(({ name, target }) => [name, target])).toEqual([
    ['etc', null],
    ['way-out', '/etc'],
  ]);
});

test('nothing leads out: neither a link nor two dots', async () => {
  const { root } = await makeTree();
  await expect(resolveInside(root, '../x')).rejects.toMatchObject({ code: 'PERMISSION' });
  await expect(listFolder(root, 'way-out/ssh')).rejects.toMatchObject({ code: 'PERMISSION' });
  await expect(listFolder(root, 'way-out')).rejects.toThrow();
});

test('files are found by a part of their names, in any case', async () => {
  const { root } = await makeTree();
  const found = await findFiles(root, '', 'ПАРОЛИ', 10, quiet());
  expect(found).toMatchObject({ more: false, unreadable: 0, entries: [{ name: 'Пароли.txt', size: 3_000_000 }] });
  expect(await findFiles(root, '', '', 2, quiet())).toMatchObject({ more: true, entries: [{}, {}] });
});

test('a folder is copied with all that is in it, as it is', async () => {
  const { root, folder } = await makeTree();
  const events: JobEvent[] = [];
  const job = { report: (event: JobEvent) => events.push(event), signal: quiet() };
  const to = join(folder, 'copy');
  const result = await copyOutJob({ root, key: 'etc', to }, job);
  expect(result).toMatchObject({ to, files: 4, folders: 2, leftOut: 1, bytes: 3_000_007 });
  expect(await readFile(join(to, 'deep/Пароли.txt'), 'latin1')).toHaveLength(3_000_000);
  expect(await readFile(Buffer.from(`${to}/bad-\xff\u001b[2J`, 'latin1'), 'utf8')).toBe('odd');
  expect(await readlink(join(to, 'dangling'))).toBe('/nowhere');
  const copied = await lstat(join(to, 'passwd'));
  expect([copied.mode & 0o777, copied.mtime]).toEqual([0o640, time]);
  expect(events.filter(({ event }) => event === 'progress').length).toBeGreaterThan(2);
});

test('into a folder that is there a file goes under its own name; nothing is overwritten', async () => {
  const { root, folder } = await makeTree();
  const job = { report: () => {}, signal: quiet() };
  const request = { root, key: 'etc/passwd', to: folder };
  expect(await copyOutJob(request, job)).toMatchObject({ to: join(folder, 'passwd'), files: 1, folders: 0 });
  await expect(copyOutJob(request, job)).rejects.toMatchObject({ code: 'COPY_EXISTS' });
  await expect(copyOutJob({ ...request, to: join(folder, 'no/such') }, job)).rejects.toMatchObject({
    code: 'TARGET_MISSING',
  });
});

test('a copy that is stopped leaves no half of a file', async () => {
  const { root, folder } = await makeTree();
  const stop = new AbortController();
  const report = ({ event }: JobEvent) => event === 'progress' && stop.abort();
  const to = join(folder, 'half');
  const copy = copyOutJob({ root, key: 'etc/deep/Пароли.txt', to }, { report, signal: stop.signal });
  // The key of a name is its bytes.
  await expect(copy).rejects.toThrow();
  const key = `etc/deep/${pathOf('Пароли.txt')}`;
  await expect(copyOutJob({ root, key, to }, { report, signal: stop.signal })).rejects.toMatchObject({
    code: 'INTERRUPTED',
  });
  await expect(lstat(to)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(shownName(key)).toBe('etc/deep/Пароли.txt');
});
