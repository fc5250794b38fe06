/** Failures of keys, and of what others are doing to a repository. */
import type { ErrorKinds } from './kind.ts';

export const accessFailures = {
  WRONG_PASSPHRASE: {
    message: 'wrong passphrase: it opens none of the {keys} keys of the repository',
    exit: 12,
    http: 401,
    hint: 'check the passphrase and whether --repo is the repository you mean',
  },
  PASSPHRASE_NEEDED: {
    message: 'the repository is encrypted and no passphrase was given',
    exit: 12,
    http: 401,
    hint: 'set STRATA_PASSWORD or STRATA_PASSWORD_FILE, or use --password-file',
  },
  ENCRYPTION_EXPECTED: {
    message: 'a passphrase was given, but repository {location} is not encrypted: nothing was stored there',
    exit: 1,
    http: 409,
    hint: 'if it never was, give no passphrase (unset STRATA_PASSWORD); if it was, somebody has changed strata.json',
  },
  PASSPHRASE_EMPTY: {
    message: 'the passphrase is empty',
    exit: 2,
    http: 400,
    hint: 'choose one, or make the repository with --no-encryption',
  },
  NOT_ENCRYPTED: {
    message: 'the repository is not encrypted and has no passphrases',
    exit: 1,
    http: 409,
    hint: 'make a new repository without --no-encryption',
  },
  KEY_NOT_FOUND: {
    message: 'the repository has no key {key}',
    exit: 1,
    http: 404,
    hint: 'strata key list shows the keys',
  },
  LAST_KEY: {
    message: 'key {key} is the only one of the repository; without it nothing could be read',
    exit: 1,
    http: 409,
    hint: 'add another with strata key add first',
  },
  LOCKED: {
    message: '{what} is in use by {holder} since {since}',
    exit: 11,
    http: 423,
    errno: 'EBUSY',
    hint: 'wait for it to end and start again',
  },
  COLLECTION_UNSAFE: {
    message: 'nothing is collected while it is not known what a point refers to: {reason}',
    exit: 13,
    http: 409,
    hint: 'repair the repository (strata repair)',
  },
  POINT_GONE: {
    message: 'restore point {point} cannot be brought back: {reason}',
    exit: 1,
    http: 410,
    hint: 'a forgotten point can be brought back until a collection has freed what it needs',
  },
  LEASE_LOST: {
    message: 'the lease {lease} of this run is gone: another run took it for dead',
    exit: 1,
    http: 409,
    hint: 'start again; what is already stored is used',
  },
} as const satisfies ErrorKinds;
