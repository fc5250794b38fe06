import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fail } from '../errors.ts';
import { isGone } from '../mount/processes.ts';
import type { MountRecord } from '../mount/records/record.ts';
import { Records } from '../mount/records/records.ts';
import { unmount } from '../mount/unmount.ts';
import { until } from '../mount/until.ts';
import { thisProcess } from '../repository/here.ts';

export interface UmountResult {
  readonly directory: string;
}

/** Milliseconds for the serving process to end: what it reads for others it reads to the end. */
const patience = 30_000;

/** Unmounts a mount of ours, and returns when the process that served it is gone. */
export async function umountJob(path: string, force: boolean): Promise<UmountResult> {
  const records = new Records();
  const directory = await realPath(path);
  const record = (await records.list()).records.find((candidate) => mountPoint(candidate) === directory);
  if (record === undefined) throw fail('NOT_MOUNTED', { path });
  await unmount(directory, { force, record: record.id });
  // A lazy unmount ends when the last who uses it does: nobody waits for that.
  const here = thisProcess();
  const { owner } = record;
  if (!force && owner !== null && !(await until(() => isGone(owner, here), patience))) {
    throw fail('NO_ANSWER', { what: `process ${owner.pid}, which served ${directory},`, seconds: patience / 1000 });
  }
  return { directory };
}

/** Where a record says that a mount is. */
export function mountPoint(record: MountRecord): string | null {
  const piece = record.kind === 'mount' ? record.pieces.find(({ kind }) => kind === 'fuse') : undefined;
  return piece?.kind === 'fuse' ? piece.at : null;
}

/** The folder's real path; looking at what is mounted there could wait for a server that hangs. */
async function realPath(path: string): Promise<string> {
  const absolute = resolve(path);
  const parent = await realpath(resolve(absolute, '..')).catch(() => resolve(absolute, '..'));
  return resolve(parent, absolute.slice(absolute.lastIndexOf('/') + 1));
}
