import { access, constants } from 'node:fs/promises';
import { reasonOf } from '../../errors.ts';

/** Why /dev/fuse cannot be used, and how that can be changed; null when it can. */
export async function whyNoDevice(): Promise<string | null> {
  try {
    await access('/dev/fuse', constants.R_OK | constants.W_OK);
    return null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return '/dev/fuse is missing (modprobe fuse; give it to a container with --device /dev/fuse --cap-add SYS_ADMIN)';
    return `/dev/fuse cannot be used: ${reasonOf(error)} (run it as root, or let others use it: chmod 666 /dev/fuse)`;
  }
}
