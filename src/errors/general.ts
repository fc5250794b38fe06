/** Failures of any command: wrong use, the machine, the system. */
import type { ErrorKinds } from './kind.ts';

export const generalFailures = {
  USAGE: {
    message: '{problem}',
    exit: 2,
    http: 400,
    hint: 'see strata --help',
  },
  NOT_SUPPORTED: {
    message: '{feature} is not supported yet',
    exit: 1,
    http: 501,
    errno: 'ENOTSUP',
    hint: '{instead}',
  },
  INTERRUPTED: {
    message: '{action} was interrupted',
    exit: 130,
    http: 499,
    errno: 'EINTR',
    hint: 'start it again; what is already stored is used',
  },
  IO: {
    message: '{what}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'look at the system log (dmesg)',
  },
  PERMISSION: {
    message: '{what}: permission denied',
    exit: 1,
    http: 403,
    errno: 'EACCES',
    hint: 'run as a user who may do this, for devices as root',
  },
  READ_ONLY: {
    message: '{what}: the file system is read-only',
    exit: 1,
    http: 500,
    errno: 'EROFS',
    hint: 'mount it read-write, or choose another place',
  },
  NO_SPACE: {
    message: '{what}: no space left',
    exit: 1,
    http: 507,
    errno: 'ENOSPC',
    hint: 'free some space and start again',
  },
  OUT_OF_MEMORY: {
    message: 'out of memory: {reason}',
    exit: 1,
    http: 500,
    errno: 'ENOMEM',
    hint: 'close other programs and start again',
  },
  NATIVE_ARGUMENT: {
    message: 'a wrong argument reached the native part: {reason}',
    exit: 1,
    http: 500,
    errno: 'EINVAL',
    hint: 'this is a defect of Strata: please report it',
  },
} as const satisfies ErrorKinds;
