/** One mount of a repository, from the first check to the last unmount. */
import { execFile } from 'node:child_process';
import { realpath, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fail, fromSystem, reasonOf } from '../errors.ts';
import type { Session } from '../native/session.ts';
import type { Emit } from '../repository/events.ts';
import { thisProcess } from '../repository/here.ts';
import { isWithin, type Mount, readMounts } from '../repository/mounts.ts';
import type { Repository } from '../repository/repository.ts';
import { makeFolder } from './attach/folders.ts';
import type { Driver } from './drivers/driver.ts';
import { unmountFuse } from './fuse-mounts.ts';
import { identityOf } from './processes.ts';
import { Journal } from './records/journal.ts';
import type { FusePiece, MountRecord } from './records/record.ts';
import type { Records } from './records/records.ts';
import type { Shown } from './shown.ts';
import { undo } from './undo.ts';

export interface MountOrder {
  /** An existing folder; null for one of our own that nobody else looks for, and that goes with the mount. */
  readonly directory: string | null;
  readonly driver: Driver;
  readonly allowOther: boolean;
  /** What the record tells: the point of a drive, and the file that its writes go to; null for the tree of all points. */
  readonly point: string | null;
  readonly overlay: string | null;
}

export interface MountResult {
  readonly directory: string;
  readonly reads: number;
  readonly bytes: number;
  readonly errors: number;
  readonly seconds: number;
}

/** KiB that the kernel reads ahead; requests become that large. More is slower (measured). */
const readAhead = 1024;

/**
 * Mounts what is to be shown and serves it until it is unmounted, by whomever, or `signal` comes: then it is unmounted,
 * lazily when it is in use. `mounted` is emitted when it can be used.
 */
export async function serveMount(
  repo: Repository,
  records: Records,
  order: MountOrder,
  shown: Shown,
  emit: Emit,
  signal: AbortSignal,
): Promise<MountResult> {
  const started = Date.now();
  const { driver, allowOther, point, overlay } = order;
  const given = order.directory === null ? null : await checkDirectory(repo, order.directory);
  const why = await driver.whyNot();
  if (why !== null) throw fail('DRIVER_UNUSABLE', { driver: driver.name, reason: why });
  const tree = await shown.tree();
  // A comma ends an option of FUSE's, and what the kernel shows is compared with what is recorded.
  const source = `strata:${repo.location.replaceAll(/[\\,]/g, '_')}`;
  const subject = { kind: 'mount', repository: repo.location, point, standsOn: null, overlay } as const;
  const journal = await Journal.begin(records, subject);
  try {
    const directory = given ?? join(records.folder, journal.id);
    if (given === null) await makeFolder(journal, directory);
    const piece: FusePiece = { kind: 'fuse', at: directory, source, device: null };
    await journal.add(piece);
    const ready = Promise.withResolvers<void>();
    const session = await driver.start({
      mountPoint: directory,
      name: source,
      allowOther,
      writable: overlay !== null,
      tree,
      onEvent: (event) => (event.event === 'ready' ? ready.resolve() : shown.hear(event)),
    });
    shown.attach(session);
    const stop = () => void end(session, journal.record, emit);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await Promise.race([ready.promise, session.finished]);
      const device = await settle(directory);
      await journal.amend({ ...piece, device });
      await journal.settle(identityOf(thisProcess()));
      emit({ event: 'mounted', directory, record: journal.id, point });
      if (signal.aborted) stop();
      await session.finished;
      const { reads, bytes, errors } = session.counters();
      return { directory, reads, bytes, errors, seconds: (Date.now() - started) / 1000 };
    } finally {
      signal.removeEventListener('abort', stop);
      await shown.detach();
    }
  } finally {
    await undo(journal.record, { force: true });
    await journal.close();
  }
}

/** Unmounts; when it is in use those who read it lose it. What another has mounted there meanwhile stays. */
async function end(session: Session, { id, pieces }: MountRecord, emit: Emit): Promise<void> {
  try {
    for (const piece of pieces) {
      if (piece.kind === 'fuse') await unmountFuse(piece, { force: false, record: id });
    }
  } catch (error) {
    emit({ event: 'warning', code: 'MOUNT_IN_USE', message: `unmounted while it was in use: ${reasonOf(error)}` });
    session.stop();
  }
}

/**
 * Has another process use the mount, so that the kernel has taken our answer for certain, then raises how far it reads
 * ahead: written earlier, it would be set back. Returns the device number of the mount.
 */
async function settle(directory: string): Promise<string | null> {
  await promisify(execFile)('stat', ['-f', directory]);
  const mount = ourMount(await readMounts(), directory);
  if (mount === undefined) return null;
  // Only root may; the mount works without it.
  await writeFile(`/sys/class/bdi/${mount.device}/read_ahead_kb`, String(readAhead)).catch(() => undefined);
  return mount.device;
}

function ourMount(mounts: readonly Mount[], directory: string): Mount | undefined {
  return mounts.findLast(({ at }) => at === directory);
}

/** The folder to mount at, by its real path. */
async function checkDirectory(repo: Repository, path: string): Promise<string> {
  let directory: string;
  try {
    directory = await realpath(path);
    if (!(await stat(directory)).isDirectory())
      throw fail('MOUNT_POINT_UNSUITABLE', { path, reason: 'it is not a folder' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw fail('MOUNT_POINT_UNSUITABLE', { path, reason: 'there is no such folder' });
    throw fromSystem(error, `cannot use ${path}`);
  }
  const mounted = ourMount(await readMounts(), directory);
  if (mounted !== undefined)
    throw fail('MOUNT_POINT_UNSUITABLE', { path, reason: `${mounted.source} is mounted there` });
  if (repo.store.folder === null) return directory;
  const repository = await realpath(repo.store.folder);
  if (isWithin(directory, repository) || isWithin(repository, directory)) {
    throw fail('MOUNT_POINT_UNSUITABLE', { path, reason: 'it and the repository lie within each other' });
  }
  return directory;
}
