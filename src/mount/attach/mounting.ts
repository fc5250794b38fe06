/** Mounts the file system of a loop device, and unmounts it. */
import { fail, type StrataError } from '../../errors.ts';
import { failpoint } from '../../repository/failpoint.ts';
import { run } from '../command.ts';
import { topMount } from '../fuse-mounts.ts';
import { busy, findHolders } from '../holders.ts';
import type { Journal } from '../records/journal.ts';
import type { FileSystemPiece } from '../records/record.ts';
import { btrfsObstacle } from './btrfs.ts';
import { driverMissing, hasDriver, waysToMount, whyNotMounted } from './file-systems.ts';

/** What was written to a file system goes out with it: over a slow image that takes its time. */
const flushPatience = 300_000;

export interface Mountable {
  readonly device: string;
  readonly fileSystem: string | null;
  readonly writable: boolean;
}

/** Why what a device holds must not, or cannot, be mounted; null when it is worth a try. Mounts nothing. */
export async function obstacleTo({ device, fileSystem, writable }: Mountable): Promise<StrataError | null> {
  if (waysToMount(fileSystem, writable).length === 0) return whyNotMounted(fileSystem, device);
  return fileSystem === 'btrfs' ? btrfsObstacle(device) : null;
}

/** Mounts what a device holds; why it could not be, or null. The piece stays in the journal either way. */
export async function mountFileSystem(journal: Journal, wish: Mountable, at: string): Promise<StrataError | null> {
  const { device, writable } = wish;
  const fileSystem = wish.fileSystem ?? '';
  await journal.add({ kind: 'file-system', device, at });
  for (const { driver, options } of waysToMount(fileSystem, writable)) {
    failpoint('drive.mount');
    const { code, trouble } = await run('mount', ['-t', driver, '-o', options, device, at], { record: journal.id });
    if (code === 0) return null;
    if (!(await hasDriver(driver))) continue;
    // An unmounted original that the kernel remembers.
    if (/File exists/.test(trouble))
      return fail('UUID_CLASH', { device, original: 'another device that is registered' });
    return fail('FILE_SYSTEM_NOT_MOUNTED', { device, fileSystem, reason: trouble });
  }
  return driverMissing(fileSystem, device);
}

/** Unmounts the file system of a record, if it is still what is mounted there: IN_USE names who keeps it from that. */
export async function unmountFileSystem(
  { device, at }: FileSystemPiece,
  { record, force }: { record: string; force: boolean },
): Promise<void> {
  const isMounted = async () => (await topMount(at))?.source === device;
  if (!(await isMounted())) return;
  failpoint('drive.umount');
  const words = ['--no-canonicalize', ...(force ? ['--lazy'] : []), at];
  const { code, trouble } = await run('umount', words, { record, limit: flushPatience });
  // Somebody else may have been faster.
  if (code === 0 || !(await isMounted())) return;
  if (/busy/i.test(trouble)) throw busy(at, await findHolders({ folders: [at], devices: [] }));
  throw fail('IO', { what: `cannot unmount ${at}`, reason: trouble });
}
