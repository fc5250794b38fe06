/** Failures of mounts and of servers. */
import type { ErrorKinds } from './kind.ts';

export const servingFailures = {
  ADDRESS_IN_USE: {
    message: 'cannot listen on {address}: it is in use',
    exit: 1,
    http: 409,
    hint: 'stop the server that uses it, or choose another address',
  },
  ADDRESS_UNSUITABLE: {
    message: 'cannot listen on {address}: {reason}',
    exit: 2,
    http: 400,
    hint: 'name an address of this machine and a free port, or a socket in a folder that is there',
  },
  TLS_UNSUITABLE: {
    message: 'certificate {path} cannot be used: {reason}',
    exit: 1,
    http: 400,
    hint: 'give PEM files: a certificate, the key that belongs to it, and the certificate of the authority of clients',
  },
  MOUNT_FAILED: {
    message: 'cannot mount at {path}: {reason}',
    exit: 1,
    http: 500,
    hint: 'strata doctor shows what this machine lacks for mounting',
  },
  MOUNT_POINT_UNSUITABLE: {
    message: 'cannot mount at {path}: {reason}',
    exit: 2,
    http: 400,
    hint: 'name an existing, empty folder outside the repository',
  },
  DRIVER_UNUSABLE: {
    message: 'driver {driver} cannot be used: {reason}',
    exit: 1,
    http: 500,
    hint: 'strata doctor shows what this machine lacks for mounting',
  },
  BACKGROUND_ENDED: {
    message: '{what} ended in the background with exit code {code} and said nothing',
    exit: 1,
    http: 500,
    hint: 'run it with --foreground to see why',
  },
  NOT_MOUNTED: {
    message: 'nothing of Strata is mounted at {path}',
    exit: 2,
    http: 404,
    hint: 'see strata mounts',
  },
  UNMOUNT_FAILED: {
    message: 'cannot unmount {directory}: {reason}',
    exit: 1,
    http: 500,
    hint: 'close what uses it, or unmount it with --force',
  },
} as const satisfies ErrorKinds;
