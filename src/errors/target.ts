/** Failures of what is restored to. */
import type { ErrorKinds } from './kind.ts';

export const targetFailures = {
  TARGET_EXISTS: {
    message: 'target {path} exists',
    exit: 1,
    http: 409,
    errno: 'EEXIST',
    hint: 'use --force to overwrite it; of a raw target --delta writes only what differs',
  },
  COPY_EXISTS: {
    message: '{path} exists',
    exit: 1,
    http: 409,
    errno: 'EEXIST',
    hint: 'choose another name or folder; copying overwrites nothing',
  },
  TARGET_MISSING: {
    message: 'target {path} does not exist',
    exit: 1,
    http: 404,
    errno: 'ENOENT',
    hint: 'check the path; --delta needs a target that is there',
  },
  TARGET_UNSUITABLE: {
    message: 'target {path} is neither a file nor a block device',
    exit: 1,
    http: 400,
    hint: 'give a file name or a block device',
  },
  DEVICE_TAKES_RAW: {
    message: 'target {path} is a block device, and a {format} image is a file',
    exit: 2,
    http: 400,
    hint: 'give a file name, or restore to the device with --format raw',
  },
  FORMAT_UNSUITABLE: {
    message: 'there is no {format} image of point {point}: {reason}',
    exit: 2,
    http: 409,
    hint: 'choose another format; raw and qcow2 hold any disk',
  },
  VMDK_UNSUITABLE: {
    message: 'cannot write a VMDK to {path}: {reason}',
    exit: 2,
    http: 400,
    hint: '{instead}',
  },
  TARGET_TOO_SMALL: {
    message: 'target {path} has {available} bytes, the image needs {needed}',
    exit: 1,
    http: 409,
    errno: 'ENOSPC',
    hint: 'use a larger device; nothing was written',
  },
  TARGET_MOUNTED: {
    message: 'target {path} is mounted at {where}',
    exit: 1,
    http: 409,
    errno: 'EBUSY',
    hint: 'unmount it first; --force does not override this',
  },
  TARGET_IN_USE: {
    message: 'target {path} is in use: {reason}',
    exit: 1,
    http: 409,
    errno: 'EBUSY',
    hint: 'release it first; --force does not override this',
  },
  TARGET_IN_REPOSITORY: {
    message: 'target {path} lies inside the repository',
    exit: 1,
    http: 400,
    hint: 'choose a target outside the repository',
  },
  REPOSITORY_IN_TARGET: {
    message: 'the repository lies on target {path}: restoring would destroy it',
    exit: 1,
    http: 400,
    hint: 'choose another target',
  },
  TARGET_WRITE: {
    message: 'cannot write target {path}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'look at the system log (dmesg)',
  },
  TARGET_READ: {
    message: 'cannot read target {path}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'look at the system log (dmesg)',
  },
} as const satisfies ErrorKinds;
