/**
 * Makes a drive of an image: loop devices for the disk and its partitions, and their file systems mounted.
 *
 * The kernel's own search for partitions is not relied on: where it was built without, it finds none and says nothing.
 * Whoever serves the image must be another process, for a process that waits for itself waits for ever.
 */
import { fail, type StrataError } from '../../errors.ts';
import type { ProcessIdentity } from '../processes.ts';
import { Journal, type Subject } from '../records/journal.ts';
import type { Records } from '../records/records.ts';
import { undo, undoTo } from '../undo.ts';
import { makeFolder } from './folders.ts';
import { makeLoop } from './loop.ts';
import { mountFileSystem, obstacleTo } from './mounting.ts';
import { type Part, planDrive } from './plan.ts';

export interface AttachRequest extends Omit<Subject, 'kind' | 'point'> {
  /** A file with the bytes of the disk. */
  readonly image: string;
  readonly point: string;
  /** Only this partition; null for the whole disk. */
  readonly partition: number | null;
  /**
   * The folder to mount in; null to mount nothing. A disk with partitions gets a folder for each below it, named by
   * its number; a disk without, or a partition that was asked for, is mounted on the folder itself.
   */
  readonly at: string | null;
  /** Let file systems replay their journals and be changed: the image takes writes, as one with an overlay does. */
  readonly writable: boolean;
  /** Who serves the image; null when it is a plain file. */
  readonly server: ProcessIdentity | null;
}

/** Why something is not mounted, and what to do about it. */
export interface Obstacle {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export interface AttachedPartition {
  /** Null for a disk without partitions. */
  readonly number: number | null;
  readonly device: string;
  /** As recognised; null when it is nothing known. */
  readonly fileSystem: string | null;
  readonly mountedAt: string | null;
  /** Why it is not mounted although a folder was given; else null. */
  readonly reason: Obstacle | null;
}

export interface Drive {
  readonly id: string;
  /** The disk; when one partition was asked for, that. */
  readonly device: string;
  readonly readOnly: boolean;
  readonly partitions: readonly AttachedPartition[];
}

/**
 * Makes a drive. What cannot be mounted is told in the result and stays a device; when anything else fails, all that was
 * made is undone. A process that is killed meanwhile leaves a record, from which the janitor undoes it.
 */
export async function attachDrive(records: Records, request: AttachRequest, signal: AbortSignal): Promise<Drive> {
  if (process.getuid?.() !== 0) throw fail('ATTACH_NEEDS_ROOT', {});
  const { writable, server, at, id, repository, point, standsOn, overlay, throwaway } = request;
  const { image, hasDisk, parts } = await planDrive(request);
  const journal = await Journal.begin(records, { id, kind: 'drive', repository, point, standsOn, overlay, throwaway });
  const go = () => {
    if (signal.aborted) throw fail('INTERRUPTED', { action: `attaching ${point}` });
  };
  try {
    const wish = { image, readOnly: !writable };
    const disk = hasDisk ? await makeLoop(journal, { ...wish, offset: 0, length: 0 }) : null;
    const devices: string[] = [];
    for (const { offset, length } of parts) {
      go();
      devices.push((await makeLoop(journal, { ...wish, offset, length })).device);
    }
    const partitions: AttachedPartition[] = [];
    for (const [index, part] of parts.entries()) {
      go();
      partitions.push(await mountPart(journal, part, devices[index] ?? '', { writable, isWanted: at !== null }));
    }
    go();
    await journal.settle(server);
    return { id: journal.id, device: disk?.device ?? devices[0] ?? '', readOnly: !writable, partitions };
  } catch (error) {
    await undoAll(journal);
    throw error;
  }
}

async function mountPart(
  journal: Journal,
  { number, fileSystem, at }: Part,
  device: string,
  { writable, isWanted }: { writable: boolean; isWanted: boolean },
): Promise<AttachedPartition> {
  const attached = { number, device, fileSystem };
  if (!isWanted) return { ...attached, mountedAt: null, reason: null };
  const mountable = { device, fileSystem, writable };
  let trouble = await obstacleTo(mountable);
  if (trouble === null && at !== null) {
    const before = journal.record.pieces.length;
    await makeFolder(journal, at);
    trouble = await mountFileSystem(journal, mountable, at);
    if (trouble !== null) await undoTo(journal, before);
  }
  return { ...attached, mountedAt: trouble === null ? at : null, reason: trouble && obstacleOf(trouble) };
}

/** What cannot be undone now is left to the janitor: the failure that led here is the one to be told. */
async function undoAll(journal: Journal): Promise<void> {
  try {
    await undo(journal.record, { force: false });
    await journal.close();
  } catch {}
}

function obstacleOf({ code, message, hint }: StrataError): Obstacle {
  return { code, message, hint };
}
