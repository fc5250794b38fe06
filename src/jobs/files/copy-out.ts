/**
 * Copies files and folders out of a point. Nothing that is there is overwritten: the target must be new. Links are made as
 * they are, not followed; devices and sockets are left out, and told. Modes and times are kept, owners when this is root.
 */
import { chmod, lchown, lstat, lutimes, mkdir, open, readlink, rm, symlink, utimes } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fail, fromSystem } from '../../errors.ts';
import { type Job, runJob } from '../job.ts';
import { entryOf, type FileEntry, join, listFolder } from './browse.ts';
import { bytesOf, pathOf, resolveInside, shownName } from './path.ts';

export interface CopyOutRequest {
  /** The mounted file system (path.ts). */
  readonly root: string;
  /** What to copy, below the root. */
  readonly key: string;
  /** The file or folder to make; if it is a folder that is there, what is copied goes into it under its own name. */
  readonly to: string;
}

export interface CopyOutResult {
  readonly to: string;
  readonly files: number;
  readonly folders: number;
  readonly bytes: number;
  /** Devices, sockets and pipes, which are not copied. */
  readonly leftOut: number;
  readonly seconds: number;
}

const chunk = 1024 ** 2;

/** Copies a file, or a folder with all in it. What was made stays when it is stopped or fails, and is named. */
export function copyOutJob({ root, key, to }: CopyOutRequest, job: Job): Promise<CopyOutResult> {
  return runJob(job, async (emit, signal) => {
    const started = Date.now();
    const first = await entryOf(root, key);
    const target = await targetOf(first, to);
    emit({ event: 'stage', stage: 'index' });
    const entries = await entriesBelow(root, first, signal);
    const total = entries.reduce((sum, { kind, size }) => sum + (kind === 'file' ? size : 0), 0);
    emit({ event: 'stage', stage: 'write' });
    const done = { files: 0, folders: 0, bytes: 0, leftOut: 0 };
    const report = (bytes: number) => {
      done.bytes += bytes;
      emit({ event: 'progress', position: done.bytes, total });
    };
    const folders: FileEntry[] = [];
    for (const entry of entries) {
      if (signal.aborted) throw fail('INTERRUPTED', { action: `copying to ${shownName(target)}` });
      const path = target + entry.key.slice(key.length);
      if (entry.kind === 'folder') folders.push(entry);
      if (entry.kind === 'other') done.leftOut++;
      else await copyEntry(root, entry, path, signal, report);
      if (entry.kind === 'folder') done.folders++;
      if (entry.kind === 'file' || entry.kind === 'link') done.files++;
    }
    // A folder's time changes with what is put into it, so it comes last; its mode might forbid that.
    for (const folder of folders.reverse()) await keepMetadata(root, folder, target + folder.key.slice(key.length));
    return { to: shownName(target), ...done, seconds: (Date.now() - started) / 1000 };
  });
}

/** COPY_EXISTS when it would be overwritten. */
async function targetOf(first: FileEntry, to: string): Promise<string> {
  const given = resolve(to);
  const isFolder = await lstat(given).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const target = isFolder ? join(pathOf(given), first.key.slice(first.key.lastIndexOf('/') + 1)) : pathOf(given);
  const isThere = await lstat(bytesOf(target)).then(
    () => true,
    () => false,
  );
  if (isThere) throw fail('COPY_EXISTS', { path: shownName(target) });
  const folder = dirname(given);
  await lstat(folder).catch(() => Promise.reject(fail('TARGET_MISSING', { path: folder })));
  return target;
}

/** The entry and all below it, each folder before what is in it. */
async function entriesBelow(root: string, first: FileEntry, signal: AbortSignal): Promise<FileEntry[]> {
  const entries = [first];
  for (let index = 0; index < entries.length; index++) {
    if (signal.aborted) throw fail('INTERRUPTED', { action: 'copying' });
    const entry = entries[index];
    if (entry?.kind === 'folder') entries.push(...(await listFolder(root, entry.key)));
  }
  return entries;
}

async function copyEntry(
  root: string,
  entry: FileEntry,
  to: string,
  signal: AbortSignal,
  report: (bytes: number) => void,
): Promise<void> {
  const path = bytesOf(to);
  try {
    if (entry.kind === 'folder') return void (await mkdir(path, { mode: 0o700 }));
    const from = bytesOf(await resolveInside(root, entry.key));
    if (entry.kind === 'link') await symlink(await readlink(from, { encoding: 'buffer' }), path);
    else await copyFile(from, path, signal, report);
  } catch (error) {
    throw fromSystem(error, `cannot copy to ${shownName(to)}`);
  }
  await keepMetadata(root, entry, to);
}

async function copyFile(from: Buffer, to: Buffer, signal: AbortSignal, report: (bytes: number) => void): Promise<void> {
  const source = await open(from, 'r');
  try {
    const target = await open(to, 'wx', 0o600);
    try {
      const buffer = Buffer.allocUnsafe(chunk);
      for (;;) {
        if (signal.aborted) throw fail('INTERRUPTED', { action: `copying to ${shownName(to.toString('latin1'))}` });
        const { bytesRead } = await source.read(buffer, 0, chunk);
        if (bytesRead === 0) break;
        await target.writeFile(buffer.subarray(0, bytesRead));
        report(bytesRead);
      }
      await target.sync();
    } catch (error) {
      // Half a file under the name of a whole one would be a lie.
      await rm(to, { force: true });
      throw error;
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function keepMetadata(root: string, entry: FileEntry, to: string): Promise<void> {
  const path = bytesOf(to);
  try {
    const { mode, uid, gid, atime, mtime } = await lstat(bytesOf(await resolveInside(root, entry.key)));
    if (process.getuid?.() === 0) await lchown(path, uid, gid);
    if (entry.kind === 'link') return await lutimes(path, atime, mtime);
    await chmod(path, mode & 0o7777);
    await utimes(path, atime, mtime);
  } catch (error) {
    throw fromSystem(error, `cannot keep owner, mode and time of ${shownName(to)}`);
  }
}
