/**
 * Files that take their name when they are whole and durable. Until then they are written beside it, and the name is
 * free, or names what was there before.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fromSystem } from '../errors.ts';
import { failpoint } from './failpoint.ts';

/** Permissions of a file that replaces none. */
const ownerOnly = 0o600;

/** A file to be made. */
export interface NewFile {
  readonly path: string;
  /** Permissions of the file that it replaces; null when there is none. */
  readonly mode: number | null;
}

/** Where the file `path` lies while it is written with the content of a point. */
export function partOf(path: string, point: string): string {
  return `${path}.strata-${point.slice(0, 8)}.part`;
}

/** Makes the file `target` of a point; `fill` writes its content. When it fails, nothing is left of it. */
export async function writeNewFile<Result>(
  target: NewFile,
  point: string,
  fill: (file: FileHandle) => Promise<Result>,
): Promise<Result> {
  const part = partOf(target.path, point);
  try {
    const result = await writePart(part, target.mode, fill);
    await takeName(part, target.path);
    return result;
  } catch (error) {
    await removeQuietly(part);
    throw fromSystem(error, `cannot write ${target.path}`);
  }
}

/** Writes `part`, and makes its content durable. */
export async function writePart<Result>(
  part: string,
  mode: number | null,
  fill: (file: FileHandle) => Promise<Result>,
): Promise<Result> {
  // One that is there was left by a process that was killed.
  await rm(part, { force: true });
  failpoint('restore.open');
  const file = await open(part, 'wx+', mode ?? ownerOnly);
  try {
    const result = await fill(file);
    failpoint('restore.fsync');
    await file.sync();
    return result;
  } finally {
    await file.close();
  }
}

/** Gives `part`, which is durable, the name that it was written for. */
export async function takeName(part: string, path: string): Promise<void> {
  await renamePart(part, path);
  await syncFolderOf(path);
}

/** The same, but not durable before `syncFolderOf`. */
export async function renamePart(part: string, path: string): Promise<void> {
  failpoint('restore.rename');
  await rename(part, path);
}

/** For what is of no use after a failure, which is what must be told. */
export async function removeQuietly(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => undefined);
}

/** Makes the name of a file durable. */
export async function syncFolderOf(path: string): Promise<void> {
  failpoint('restore.fsync');
  const handle = await open(dirname(path), 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
