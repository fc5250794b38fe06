import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fail } from '../errors.ts';
import { unmountFuse } from '../mount/fuse-mounts.ts';
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
  const directory = await realPath(path);
  const { records } = await new Records().list();
  const record = records.find((candidate) => mountPoint(candidate) === directory);
  if (record === undefined) throw fail('NOT_MOUNTED', { path });
  const drive = records.find(({ standsOn }) => standsOn === record.id);
  if (drive !== undefined)
    throw fail('IN_USE', { what: directory, holders: `drive ${drive.id} (strata detach ${drive.id})` });
  if (force) await abandon(record);
  else await endMount(record, { force });
  return { directory };
}

/** Cuts off the server, which may hang, and all who read from it: they get an error. */
async function abandon(record: MountRecord): Promise<void> {
  for (const piece of record.pieces) {
    if (piece.kind === 'fuse') await unmountFuse(piece, { force: true, record: record.id });
  }
  await serverEnded(record);
}

/** Unmounts, and waits for the server to end; with `force` at once, what is open goes on until it is closed. */
export async function endMount(record: MountRecord, { force }: { readonly force: boolean }): Promise<void> {
  const directory = mountPoint(record);
  if (directory !== null) await unmount(directory, { force, record: record.id });
  // A lazy unmount ends when the last who uses it does: nobody waits for that.
  if (!force) await serverEnded(record);
}

async function serverEnded(record: MountRecord): Promise<void> {
  const here = thisProcess();
  const { owner } = record;
  if (owner === null || (await until(() => isGone(owner, here), patience))) return;
  const what = `process ${owner.pid}, which served ${mountPoint(record)},`;
  throw fail('NO_ANSWER', { what, seconds: patience / 1000 });
}

/** Where a record says that a mount is; null for a drive. */
export function mountPoint(record: MountRecord): string | null {
  const piece = record.kind === 'mount' ? record.pieces.find(({ kind }) => kind === 'fuse') : undefined;
  return piece?.kind === 'fuse' ? piece.at : null;
}

/** The folder's real path, without looking at what is mounted there: that could wait for a server that hangs. */
async function realPath(path: string): Promise<string> {
  const absolute = resolve(path);
  const parent = dirname(absolute);
  return join(await realpath(parent).catch(() => parent), basename(absolute));
}
