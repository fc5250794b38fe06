/** Failures of drives and of the images and overlays that they are made of. */
import type { ErrorKinds } from './kind.ts';

export const driveFailures = {
  TOOL_MISSING: {
    message: '{tool} is needed, but cannot be run',
    exit: 1,
    http: 501,
    hint: 'install it (Debian: apt-get install {package})',
  },
  NO_ANSWER: {
    message: '{what} did not return within {seconds} s',
    exit: 1,
    http: 504,
    errno: 'ETIMEDOUT',
    hint: 'what serves the mount may hang: end it, then run strata doctor --fix',
  },
  IN_USE: {
    message: '{what} is in use: {holders}',
    exit: 1,
    http: 409,
    errno: 'EBUSY',
    hint: 'end that and start again; with --force it is let go when that ends',
  },
  RECORD_UNREADABLE: {
    message: '{path} is no record that this Strata can read: {reason}',
    exit: 1,
    http: 500,
    hint: 'if a newer Strata wrote it, use that; else look what is mounted (findmnt, losetup --list) and remove it',
  },
  ATTACH_NEEDS_ROOT: {
    message: 'only root can attach a drive: the kernel lets nobody else make devices and mount them',
    exit: 1,
    http: 403,
    errno: 'EPERM',
    hint: 'run it with sudo, or mount the points and read the image with fuse2fs; strata doctor tells what is there',
  },
  DRIVE_NOT_FOUND: {
    message: 'no drive {id} is attached',
    exit: 1,
    http: 404,
    hint: 'strata mounts lists them',
  },
  IMAGE_UNSUITABLE: {
    message: 'image {path} cannot be attached: {reason}',
    exit: 1,
    http: 400,
    hint: 'check the path',
  },
  LOOP_FAILED: {
    message: '{path} cannot be attached as a loop device: {reason}',
    exit: 1,
    http: 500,
    hint: 'modprobe loop, in a container let it have /dev/loop*; losetup --list shows what is in use',
  },
  FOLDER_UNSUITABLE: {
    message: 'nothing can be mounted at {path}: {reason}',
    exit: 1,
    http: 409,
    hint: 'choose a new or an empty folder',
  },
  CONTENT_UNKNOWN: {
    message: '{device} is not mounted: it holds no file system that Strata knows',
    exit: 1,
    http: 409,
    hint: 'the device is attached; blkid {device} may know more',
  },
  CONTENT_NOT_MOUNTED: {
    message: '{device} is not mounted: it is {what}',
    exit: 1,
    http: 409,
    hint: '{instead}',
  },
  DRIVER_MISSING: {
    message: '{device} is not mounted: this kernel has no {fileSystem}',
    exit: 1,
    http: 501,
    hint: '{instead}',
  },
  UUID_CLASH: {
    message: '{device} is not mounted: the kernel would take its Btrfs for that of {original}, which has the same UUID',
    exit: 1,
    http: 409,
    hint:
      'unmount that one (or btrfs device scan --forget), or attach this --writable without --at, run btrfstune -m {device} ' +
      'and mount it',
  },
  FILE_SYSTEM_NOT_MOUNTED: {
    message: '{device} ({fileSystem}) is not mounted: {reason}',
    exit: 1,
    http: 500,
    hint: 'the device is attached; look at the system log (dmesg), or attach it --writable, so that it can be repaired',
  },
  SPOOL_READ: {
    message: 'cannot read the cache at {path}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'look at the system log (dmesg)',
  },
  DRIVE_READ_ONLY: {
    message: 'drive {id} takes no writes, so there is nothing to commit',
    exit: 2,
    http: 400,
    hint: 'attach the point with --writable',
  },
  COMMIT_FAILED: {
    message: 'what was written over point {point} was not committed: {reason}',
    exit: 1,
    http: 500,
    hint: 'it is kept; attach the point again with --writable --overlay {overlay}, then detach with --commit',
  },
  OVERLAY_UNSUITABLE: {
    message: 'cannot use the overlay {path}: {reason}',
    exit: 2,
    http: 400,
    hint: 'name the overlay of this point, or a file that does not exist yet',
  },
  OVERLAY_IN_USE: {
    message: 'the overlay {path} is in use',
    exit: 11,
    http: 409,
    errno: 'EBUSY',
    hint: 'see strata mounts; detach the drive that uses it first',
  },
  OVERLAY_READ: {
    message: 'cannot read the overlay {path}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'look at the system log (dmesg)',
  },
  OVERLAY_WRITE: {
    message: 'cannot write the overlay {path}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'make room where the overlay lies',
  },
} as const satisfies ErrorKinds;
