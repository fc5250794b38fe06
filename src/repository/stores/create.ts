/** Makes the folder of a new local repository, or refuses before it has written anything. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readdir, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail, fromSystem, reasonOf } from '../../errors.ts';
import { failpoint } from '../failpoint.ts';
import { LocalStore, syncPath } from './local.ts';

const folders = ['keys', 'points', 'marks', 'maps', 'packs', 'leases', 'tmp'];
/** What a creation that was killed may leave in these holds nothing that anyone could miss. */
const disposable = ['keys', 'tmp'];

/**
 * Makes the folders of a new store at a place that is empty, not there yet, or left by a killed creation.
 * REPOSITORY_EXISTS or LOCATION_NOT_EMPTY for any other.
 */
export async function createLocalStore(location: string): Promise<LocalStore> {
  const entries = await entriesOf(location);
  if (entries?.includes('strata.json')) throw fail('REPOSITORY_EXISTS', { location });
  for (const name of entries ?? []) {
    const inside = folders.includes(name) ? await entriesOf(join(location, name)) : null;
    const harmless = inside !== null && (inside.length === 0 || disposable.includes(name));
    if (!harmless) throw fail('LOCATION_NOT_EMPTY', { location });
  }
  try {
    failpoint('create.folder');
    const highest = await mkdir(location, { recursive: true, mode: 0o700 });
    for (const name of disposable) await rm(join(location, name), { recursive: true, force: true });
    for (const name of folders) {
      failpoint('create.folder');
      await mkdir(join(location, name), { recursive: true, mode: 0o700 });
    }
    await proveLink(join(location, 'tmp'));
    for (const folder of upTo(location, highest ?? location)) await syncPath(folder);
  } catch (error) {
    // Not empty means that another process is at work there: then it is not ours to remove.
    for (const name of folders) await rmdir(join(location, name)).catch(() => undefined);
    if (entries === null) await rmdir(location).catch(() => undefined);
    throw fromSystem(error, `cannot make a repository at ${location}`);
  }
  return new LocalStore(location);
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
async function proveLink(folder: string): Promise<void> {
  const probe = join(folder, `probe-${randomBytes(8).toString('hex')}`);
  await writeFile(probe, '');
  try {
    await link(probe, `${probe}.link`);
    await unlink(`${probe}.link`);
  } catch (error) {
    const reason = `its file system makes no hard links (${reasonOf(error)})`;
    throw fail('LOCATION_UNSUITABLE', { location: dirname(folder), reason }, { cause: error });
  } finally {
    await unlink(probe);
  }
}

/** A folder and those above it, up to the parent of `highest`. */
function* upTo(folder: string, highest: string): Iterable<string> {
  const last = dirname(highest);
  for (let at = folder; ; at = dirname(at)) {
    yield at;
    if (at === last) return;
  }
}
