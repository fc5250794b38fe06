/** FUSE mounts of our records, whose servers may be dead or hang. What they show is never looked at: that could hang too. */
import { access, writeFile } from 'node:fs/promises';
import { failpoint } from '../repository/failpoint.ts';
import { type Mount, readMounts } from '../repository/mounts.ts';
import { run } from './command.ts';
import type { FusePiece } from './records/record.ts';
import { type UnmountOptions, unmount } from './unmount.ts';

const connections = '/sys/fs/fuse/connections';
const patience = 10_000;

/** The mount that is seen at a path. */
export async function topMount(at: string): Promise<Mount | undefined> {
  return (await readMounts()).findLast((mount) => mount.at === at);
}

/** The mount of a record; null when it is gone, or another one is there. */
export async function mountOf(piece: FusePiece): Promise<Mount | null> {
  const mounted = await topMount(piece.at);
  const isOurs = mounted?.source === piece.source && (piece.device === null || mounted.device === piece.device);
  return isOurs ? mounted : null;
}

/** Takes the mount of a record off, if it is still there. With `force` its server is cut off first. */
export async function unmountFuse(piece: FusePiece, options: UnmountOptions): Promise<void> {
  const mounted = await mountOf(piece);
  if (mounted === null) return;
  failpoint('fuse.umount');
  if (options.force) await cutOff(mounted.device, options.record);
  await unmount(piece.at, options);
}

/**
 * Ends the connection between the kernel and the server of a FUSE mount. All that waits for the server gets an error,
 * also who hangs in the kernel and cannot be killed.
 */
export async function cutOff(device: string, record: string): Promise<void> {
  const abort = `${connections}/${device.split(':')[1]}/abort`;
  const isThere = () =>
    access(abort).then(
      () => true,
      () => false,
    );
  if (!(await isThere())) await run('mount', ['-t', 'fusectl', 'fusectl', connections], { record, limit: patience });
  // It may have ended by itself, or not be to be had by this user: then unmounting has to do.
  await writeFile(abort, '1').catch(() => {});
}
