/** The folders that file systems are mounted on. */
import { mkdir, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fail, fromSystem } from '../../errors.ts';
import { failpoint } from '../../repository/failpoint.ts';
import { readMounts } from '../../repository/mounts.ts';
import type { Journal } from '../records/journal.ts';

/**
 * The real path of a folder that may be mounted on: it is empty or not there yet, nothing is mounted on it, and it does
 * not lie in the repository.
 */
export async function inspectFolder(given: string, repository: string): Promise<string> {
  const path = await realPathOf(resolve(given));
  const inside = await realpath(repository).catch(() => repository);
  if (`${path}/`.startsWith(`${inside}/`))
    throw fail('FOLDER_UNSUITABLE', { path, reason: 'it lies in the repository' });
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') throw fail('FOLDER_UNSUITABLE', { path, reason: 'it is not a folder' });
    throw fromSystem(error, `cannot look into ${path}`);
  });
  if (names.length > 0) throw fail('FOLDER_UNSUITABLE', { path, reason: 'it is not empty' });
  if ((await readMounts()).some(({ at }) => at === path)) {
    throw fail('FOLDER_UNSUITABLE', { path, reason: 'something is mounted on it' });
  }
  return path;
}

/** Makes a folder, with those above it that are missing, each written down first. */
export async function makeFolder(journal: Journal, path: string): Promise<void> {
  for (const folder of await missingFolders(path)) {
    await journal.add({ kind: 'folder', path: folder });
    failpoint('drive.mkdir');
    await mkdir(folder).catch((error: unknown) => {
      throw fromSystem(error, `cannot make ${folder}`);
    });
  }
}

/** From the top. */
async function missingFolders(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let folder = path; !(await isThere(folder)); folder = dirname(folder)) missing.unshift(folder);
  return missing;
}

async function isThere(folder: string): Promise<boolean> {
  return (await realpath(folder).catch(() => null)) !== null;
}

/** Mounts are listed by their real paths. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fromSystem(error, `cannot look at ${path}`);
    return join(await realPathOf(dirname(path)), basename(path));
  }
}
