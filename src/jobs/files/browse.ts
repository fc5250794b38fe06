/** Looking into a file system of a point that is attached as a drive: folders, and files by their names. */
import { lstat, readdir, readlink } from 'node:fs/promises';
import { fromSystem } from '../../errors.ts';
import { bytesOf, resolveFolder, resolveInside, shownName } from './path.ts';

/** A file or folder; `key` is its path below the root (path.ts). */
export interface FileEntry {
  readonly key: string;
  readonly name: string;
  readonly kind: 'folder' | 'file' | 'link' | 'other';
  /** Bytes. */
  readonly size: number;
  /** ISO 8601 UTC. */
  readonly modified: string;
  /** Where a link points; else null. */
  readonly target: string | null;
}

export interface FoundFiles {
  readonly entries: readonly FileEntry[];
  /** Whether there are more than were asked for. */
  readonly more: boolean;
  /** Folders that could not be read. */
  readonly unreadable: number;
}

/** What is in a folder: folders first, each by name. */
export async function listFolder(root: string, folder: string): Promise<readonly FileEntry[]> {
  const path = await resolveFolder(root, folder);
  const entries: FileEntry[] = [];
  for (const name of await namesIn(path)) entries.push(await entryOf(root, join(folder, name)));
  return entries.sort(foldersFirst);
}

/** Files and folders below `folder` whose name contains `text`, in any case; at most `limit`. */
export async function findFiles(
  root: string,
  folder: string,
  text: string,
  limit: number,
  signal: AbortSignal,
): Promise<FoundFiles> {
  const wanted = text.toLowerCase();
  const entries: FileEntry[] = [];
  let unreadable = 0;
  const waiting = [folder];
  for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
    signal.throwIfAborted();
    const found = await listFolder(root, at).catch(() => null);
    if (found === null) unreadable++;
    for (const entry of found ?? []) {
      if (entry.kind === 'folder') waiting.push(entry.key);
      if (!entry.name.toLowerCase().includes(wanted)) continue;
      if (entries.length === limit) return { entries, more: true, unreadable };
      entries.push(entry);
    }
  }
  return { entries, more: false, unreadable };
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(bytesOf(path), { encoding: 'buffer' })).map((name) => name.toString('latin1'));
  } catch (error) {
    throw fromSystem(error, `cannot read ${shownName(path)}`);
  }
}

/** The entry at a path below the root. */
export async function entryOf(root: string, key: string): Promise<FileEntry> {
  const path = bytesOf(await resolveInside(root, key));
  try {
    const found = await lstat(path);
    const kind = found.isDirectory() ? 'folder' : found.isFile() ? 'file' : found.isSymbolicLink() ? 'link' : 'other';
    return {
      key,
      name: shownName(key.slice(key.lastIndexOf('/') + 1)),
      kind,
      size: found.size,
      modified: found.mtime.toISOString(),
      target: kind === 'link' ? shownName((await readlink(path, { encoding: 'buffer' })).toString('latin1')) : null,
    };
  } catch (error) {
    throw fromSystem(error, `cannot read ${shownName(key)}`);
  }
}

export function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

function foldersFirst(a: FileEntry, b: FileEntry): number {
  if ((a.kind === 'folder') !== (b.kind === 'folder')) return a.kind === 'folder' ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
