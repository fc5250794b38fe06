/** Makes the folder of a new local repository, or refuses before it has written anything. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readdir, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail, fromSystem, reasonOf } from '../../errors.ts';
import { failpoint } from '../failpoint.ts';
import { LocalStore, syncPath } from './local.ts';

const folders = ['keys', 'points', 'marks', 'maps', 'packs', 'leases', 'tmp'];
/** What a creation that was killed, or is under way, may have in these; nobody could miss it yet. */
const unfinished = ['keys', 'tmp'];

/**
 * Makes the folders of a new store at a place that is empty, not there yet, or left by a killed creation.
 * REPOSITORY_EXISTS or LOCATION_NOT_EMPTY for any other.
 */
export async function createLocalStore(location: string): Promise<LocalStore> {
  await requireVacant(location);
  const made: string[] = [];
  try {
    await makeFolder(location, made);
    // What a killed creation left in tmp/ stays for a later run to sweep: it may as well be of one that is under way.
    for (const name of folders) await makeFolder(join(location, name), made);
    await proveLink(join(location, 'tmp'), location);
    for (const folder of new Set([location, ...made.map(dirname)])) await syncPath(folder);
  } catch (error) {
    // The creation has failed already; a folder that is not empty by now is another process's.
    for (const folder of made.reverse()) await rmdir(folder).catch(() => undefined);
    throw fromSystem(error, `cannot make a repository at ${location}`);
  }
  return new LocalStore(location);
}

/** Tries whether a store could be made: fails as its creation would, and leaves nothing. */
export async function tryLocalPlace(location: string): Promise<void> {
  await requireVacant(location);
  try {
    await proveLink(await nearestFolder(location), location);
  } catch (error) {
    throw fromSystem(error, `cannot make a repository at ${location}`);
  }
}

/** The folder itself, or the first above it that is there. */
export async function nearestFolder(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => null);
  return found?.isDirectory() || folder === '/' ? folder : nearestFolder(dirname(folder));
}

async function requireVacant(location: string): Promise<void> {
  const entries = await entriesOf(location);
  if (entries?.includes('strata.json')) throw fail('REPOSITORY_EXISTS', { location });
  for (const name of entries ?? []) {
    const inside = folders.includes(name) ? await entriesOf(join(location, name)) : null;
    const harmless = inside !== null && (inside.length === 0 || unfinished.includes(name));
    if (!harmless) throw fail('LOCATION_NOT_EMPTY', { location });
  }
}

/** Makes a folder and what is missing above it. Not `recursive`, which calls a read-only file system a missing folder. */
async function makeFolder(folder: string, made: string[]): Promise<void> {
  failpoint('create.folder');
  try {
    await mkdir(folder, { mode: 0o700 });
    made.push(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT') throw error;
    await makeFolder(dirname(folder), made);
    await makeFolder(folder, made);
  }
}

/** Names in a folder; null when there is no folder. */
async function entriesOf(folder: string): Promise<string[] | null> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    if (code === 'ENOTDIR') throw fail('LOCATION_UNSUITABLE', { location: folder, reason: 'it is not a folder' });
    throw fromSystem(error, `cannot read ${folder}`);
  }
}

/** Conditional creation stands on hard links, which some file systems (FAT, some network ones) do not have. */
async function proveLink(folder: string, location: string): Promise<void> {
  const probe = join(folder, `probe-${randomBytes(8).toString('hex')}`);
  await writeFile(probe, '');
  try {
    await link(probe, `${probe}.link`);
    await unlink(`${probe}.link`);
  } catch (error) {
    const reason = `its file system makes no hard links (${reasonOf(error)})`;
    throw fail('LOCATION_UNSUITABLE', { location, reason }, { cause: error });
  } finally {
    await unlink(probe);
  }
}
