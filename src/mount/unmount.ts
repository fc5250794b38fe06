/** Unmounting a mount of ours, from any process but the one that serves it. */
import { getuid } from 'node:process';
import { fail } from '../errors.ts';
import { readMounts } from '../repository/mounts.ts';
import { run } from './command.ts';
import { busy, findHolders } from './holders.ts';

export interface UnmountOptions {
  /** Take it away from those who use it; what they have open goes on until it is closed. */
  readonly force: boolean;
  /** Id of the record that tells of it. */
  readonly record: string;
}

/** Unmounts; IN_USE names who holds it. */
export async function unmount(directory: string, { force, record }: UnmountOptions): Promise<void> {
  // A user's mounts are ended by FUSE's own program, which may do it in his place.
  const root = getuid?.() === 0;
  const words = root ? [...(force ? ['-l'] : []), directory] : ['-u', ...(force ? ['-z'] : []), directory];
  const { code, trouble } = await run(root ? 'umount' : 'fusermount3', words, { record, limit: 10_000 });
  if (code === 0) return;
  // Another may have unmounted it meanwhile.
  if (!(await readMounts()).some(({ at }) => at === directory)) return;
  if (/busy/i.test(trouble)) throw busy(directory, await findHolders({ folders: [directory], devices: [] }));
  throw fail('UNMOUNT_FAILED', { directory, reason: trouble });
}
