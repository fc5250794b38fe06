/** Undoes what records tell of, last piece first. Each piece may be gone already, or never have been made. */
import { rm, rmdir } from 'node:fs/promises';
import { fromSystem } from '../errors.ts';
import { failpoint } from '../repository/failpoint.ts';
import { isAttached, removeLoop } from './attach/loop.ts';
import { unmountFileSystem } from './attach/mounting.ts';
import { mountOf, topMount, unmountFuse } from './fuse-mounts.ts';
import { removeStale } from './nbd/listen.ts';
import type { Journal } from './records/journal.ts';
import { type FileSystemPiece, loopsOf, type MountRecord, type Piece } from './records/record.ts';

export interface UndoOptions {
  /** Do not wait for those who hold something: it ends when they do. */
  readonly force: boolean;
  /** The machine was restarted since: devices and mounts are gone, and what has their names is somebody else's. */
  readonly restarted?: boolean;
  /** Overlays that somebody has named meanwhile: they are kept. */
  readonly named?: readonly (string | null)[];
}

/** Undoes all that a record tells of. The record stays. */
export async function undo(record: MountRecord, options: UndoOptions): Promise<void> {
  for (const piece of record.pieces.toReversed()) await undoPiece(record, piece, options);
}

/** Undoes the last pieces of a journal, so that `count` remain. */
export async function undoTo(journal: Journal, count: number): Promise<void> {
  while (journal.record.pieces.length > count) {
    const piece = journal.record.pieces.at(-1);
    if (piece !== undefined) await undoPiece(journal.record, piece, { force: false });
    await journal.drop();
  }
}

/** Whether anything that a record tells of is there; folders and files do not count. */
export async function isAnythingLeft(record: MountRecord): Promise<boolean> {
  for (const piece of record.pieces) {
    if (await isThere(record, piece)) return true;
  }
  return false;
}

async function isThere(record: MountRecord, piece: Piece): Promise<boolean> {
  switch (piece.kind) {
    case 'folder':
    case 'socket':
    case 'overlay':
      return false;
    case 'loop':
      return isAttached(piece);
    case 'file-system':
      return (await topMount(piece.at))?.source === piece.device && (await isDeviceOurs(record, piece));
    case 'fuse':
      return (await mountOf(piece)) !== null;
  }
}

async function undoPiece(
  record: MountRecord,
  piece: Piece,
  { force, restarted = false, named = [] }: UndoOptions,
): Promise<void> {
  const options = { record: record.id, force };
  switch (piece.kind) {
    case 'folder':
      return removeFolder(piece.path);
    case 'socket':
      return removeSocket(piece.path);
    case 'overlay':
      return named.includes(piece.path) ? undefined : removeOverlay(piece.path);
  }
  if (restarted) return;
  switch (piece.kind) {
    case 'loop':
      return removeLoop(piece, options);
    case 'file-system':
      if (await isDeviceOurs(record, piece)) await unmountFileSystem(piece, options);
      return;
    case 'fuse':
      return unmountFuse(piece, options);
  }
}

/** A loop device that was removed by hand may be somebody else's by now, and be mounted. */
async function isDeviceOurs(record: MountRecord, { device }: FileSystemPiece): Promise<boolean> {
  const loop = loopsOf(record).find((piece) => piece.device === device);
  return loop !== undefined && isAttached(loop);
}

/** A socket that somebody listens on by now is theirs. */
async function removeSocket(path: string): Promise<void> {
  await removeStale(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw fromSystem(error, `cannot remove ${path}`);
  });
}

async function removeOverlay(path: string): Promise<void> {
  failpoint('overlay.remove');
  await rm(path, { force: true }).catch((error: unknown) => {
    throw fromSystem(error, `cannot remove ${path}`);
  });
}

/** A folder that somebody uses by now is theirs. */
async function removeFolder(path: string): Promise<void> {
  failpoint('drive.rmdir');
  await rmdir(path).catch((error: NodeJS.ErrnoException) => {
    if (['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST', 'EBUSY', 'EROFS'].includes(error.code ?? '')) return;
    throw fromSystem(error, `cannot remove ${path}`);
  });
}
