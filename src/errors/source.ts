/** Failures of what is backed up, and of its snapshots and trackers. */
import type { ErrorKinds } from './kind.ts';

export const sourceFailures = {
  SOURCE_MISSING: {
    message: 'source {path} does not exist',
    exit: 1,
    http: 404,
    hint: 'check the path; lsblk lists block devices',
  },
  SOURCE_EMPTY: {
    message: 'source {path} is empty',
    exit: 1,
    http: 400,
    hint: 'check the path',
  },
  SOURCE_IS_DIRECTORY: {
    message: 'source {path} is a directory; Strata backs up disks and image files',
    exit: 1,
    http: 400,
    hint: 'give the block device or the image file; findmnt --target shows the device of a directory',
  },
  SOURCE_UNSUITABLE: {
    message: 'source {path} is neither a block device, a file nor a pipe',
    exit: 1,
    http: 400,
    hint: 'give a block device, an image file or - for standard input',
  },
  SOURCE_IN_REPOSITORY: {
    message: 'source {path} lies inside the repository',
    exit: 1,
    http: 400,
    hint: 'give a source outside the repository',
  },
  REPOSITORY_IN_SOURCE: {
    message: 'the repository lies on source {path}: each backup would back up itself',
    exit: 1,
    http: 400,
    hint: 'put the repository on another disk',
  },
  SOURCE_OPEN: {
    message: 'cannot open source {path}: {reason}',
    exit: 1,
    http: 400,
    hint: 'check the path and the permissions',
  },
  SOURCE_READ: {
    message: 'cannot read source {path}: {reason}',
    exit: 1,
    http: 500,
    hint: 'look at the system log (dmesg)',
  },
  SNAPSHOT_IMPOSSIBLE: {
    message: 'no snapshot of {path} can be made: {reason}',
    exit: 1,
    http: 409,
    hint: 'use --snapshot auto or off to read it as it is; strata doctor tells what this machine can do',
  },
  SNAPSHOT_FAILED: {
    message: 'the snapshot of {path} by {provider} failed: {reason}',
    exit: 1,
    http: 500,
    hint: 'mend that, or use --snapshot off to read it as it is; nothing was stored',
  },
  SNAPSHOT_LOST: {
    message: 'the snapshot of {path} did not hold: {reason}',
    exit: 1,
    http: 500,
    hint: 'no point was made; start again: a freeze with a higher --freeze-limit, a snapshot that was full with a larger --snapshot-size or --snapshot-store',
  },
  SNAPSHOT_OUTPACED: {
    message: 'the snapshot of {path} would not hold until all is read: {reason}',
    exit: 1,
    http: 504,
    hint: 'no point was made; start again with more room (--snapshot-size), with less written meanwhile, or with a faster network or repository',
  },
  NOT_ONE_INSTANT: {
    message: 'the disks cannot be frozen at one instant: {reason}',
    exit: 1,
    http: 409,
    hint: 'with --snapshot auto each gets its point all the same; --hook-freeze can bring to rest what writes to them',
  },
  NO_DISKS: {
    message: 'this machine has no disk that can be backed up into this repository',
    exit: 1,
    http: 409,
    hint: 'name a volume, a partition or an image file; lsblk lists block devices',
  },
  HOOK_FAILED: {
    message: 'the {hook} hook failed: {reason}',
    exit: 1,
    http: 500,
    hint: 'mend the command; with --snapshot auto its failure is only a warning',
  },
  TRACKER_DISTRUSTED: {
    message: 'the tracker {tracker} called {bytes} bytes unchanged that had changed, the first at {offset}',
    exit: 1,
    http: 500,
    hint: 'everything is read and compared until --tracker {tracker} trusts it again',
  },
  HINTS_UNSUITABLE: {
    message: 'the changed extents of {path} cannot be used: {reason}',
    exit: 1,
    http: 400,
    hint: 'leave out --changed-extents to have everything compared; nothing was stored',
  },
  SOURCE_UNREACHABLE: {
    message: 'cannot connect to {path}: {reason}',
    exit: 1,
    http: 502,
    hint: 'check the address, that the server runs, and that it lets this machine in',
  },
  SOURCE_EXPORT_MISSING: {
    message: 'the server of {path} has no such export',
    exit: 1,
    http: 404,
    hint: 'check the name; nbdinfo --list shows what a server exports (Debian: apt-get install libnbd-bin)',
  },
  SOURCE_LOST: {
    message: 'the connection to {path} was lost, and could not be made again: {reason}',
    exit: 1,
    http: 502,
    hint: 'look after the server and the network, then start again; what is already stored is used',
  },
  LIBNBD_MISSING: {
    message: 'the library for NBD cannot be loaded: {reason}',
    exit: 1,
    http: 501,
    hint: 'install it (Debian: apt-get install libnbd0)',
  },
  SOURCE_SIZE_CHANGED: {
    message: 'source {path} changed its size while it was read: {reason}',
    exit: 1,
    http: 409,
    hint: 'start again when nothing resizes it',
  },
  SPOOL_WRITE: {
    message: 'cannot write {path}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'look at the system log (dmesg)',
  },
} as const satisfies ErrorKinds;
