/** Makes room for a new repository in a bucket, or refuses before it has written anything but what the probe needs. */
import { fail, isStrataError } from '../../../errors.ts';
import type { LockRule } from '../lock.ts';
import type { CreatedStore, NewStoreOptions } from '../open.ts';
import { usualSettings } from '../settings.ts';
import { formatS3Address, parseS3Address, type S3Address } from './address.ts';
import type { Bucket } from './bucket.ts';
import { openBucket, openS3Store } from './open.ts';
import { probe, probeFolder, type S3Abilities } from './probe.ts';

/** What a creation that was killed, or is under way, may have left; nobody could miss it yet. */
const unfinished = ['keys/', probeFolder];

/** The store at an address that holds nothing yet, proven to do what safety needs. */
export async function createS3Store(location: string, options: NewStoreOptions): Promise<CreatedStore> {
  const abilities = await tryS3Place(location, options);
  return { store: openS3Store(location, options), abilities };
}

/** What the server can do for a store at an address that holds nothing yet: fails as its creation would, and leaves nothing. */
export async function tryS3Place(location: string, options: NewStoreOptions): Promise<S3Abilities> {
  const { bucket: name, prefix } = parseS3Address(location);
  const bucket = openBucket(name, options.storage ?? usualSettings);
  try {
    const folder = prefix === '' ? '' : `${prefix}/`;
    await requireEmpty(bucket, location, folder);
    await requireOutsideRepositories(bucket, { bucket: name, prefix });
    await requireKeeping(bucket, options.lock);
    return await probe(bucket, folder, options.lock?.mode ?? null);
  } finally {
    bucket.close();
  }
}

async function requireEmpty(bucket: Bucket, location: string, folder: string): Promise<void> {
  for await (const page of bucket.list(folder)) {
    for (const { key } of page) {
      const rest = key.slice(folder.length);
      if (rest === 'strata.json') throw fail('REPOSITORY_EXISTS', { location });
      if (!unfinished.some((begin) => rest.startsWith(begin))) throw fail('LOCATION_NOT_EMPTY', { location });
    }
  }
}

/** Refuses a bucket whose way with versions and locks does not go together with a repository. */
async function requireKeeping(bucket: Bucket, lock: LockRule | undefined): Promise<void> {
  const keeping = await bucket.retentions.keeping();
  const refuse = (reason: string) => fail('LOCATION_UNSUITABLE', { location: `bucket ${bucket.name}`, reason });
  if (keeping?.versions === 'suspended') {
    throw refuse(
      'its versioning is suspended, so that objects may be written over; turn it on, or take a bucket that never had it',
    );
  }
  if (keeping?.needsPassword) {
    throw refuse('its versions can be removed only with MFA, so nothing could ever be freed; turn MFA delete off');
  }
  if (keeping?.lock === 'locks everything') {
    throw refuse(
      'its default retention locks everything, also the records of who is at work, which must go; remove the default ' +
        'retention from its lock configuration, and use --lock-days',
    );
  }
  if (lock && keeping?.lock !== 'on') {
    throw refuse(
      keeping === null
        ? 'what it does with versions and locks cannot be told; grant s3:GetBucketVersioning and s3:GetBucketObjectLockConfiguration'
        : 'it has no object lock, which is given to a bucket when it is made (--object-lock-enabled-for-bucket)',
    );
  }
}

/** What is no part of a repository would be garbage within it. */
export async function requireOutsideRepositories(bucket: Bucket, address: S3Address): Promise<void> {
  const { bucket: name, prefix } = address;
  const parts = prefix.split('/').slice(0, -1);
  for (let depth = prefix === '' ? -1 : parts.length; depth >= 0; depth--) {
    const outer = parts.slice(0, depth).join('/');
    const key = outer === '' ? 'strata.json' : `${outer}/strata.json`;
    if ((await bucket.head(key).catch(unlessForbidden)) === null) continue;
    const location = formatS3Address(address);
    const other = formatS3Address({ bucket: name, prefix: outer });
    throw fail('LOCATION_UNSUITABLE', { location, reason: `it lies within the repository ${other}` });
  }
}

/** A key that may use only its own prefix cannot tell. */
function unlessForbidden(error: unknown): null {
  if (isStrataError(error, 'STORAGE_FORBIDDEN')) return null;
  throw error;
}
