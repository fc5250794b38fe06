/** Makes room for a new repository in a bucket, or refuses before it has written anything but what the probe needs. */
import { fail, isStrataError } from '../../../errors.ts';
import type { CreatedStore, StoreOptions } from '../open.ts';
import { usualSettings } from '../settings.ts';
import { formatS3Address, parseS3Address, type S3Address } from './address.ts';
import type { Bucket } from './bucket.ts';
import { openBucket, openS3Store } from './open.ts';
import { probe, probeFolder } from './probe.ts';

/** What a creation that was killed, or is under way, may have left; nobody could miss it yet. */
const unfinished = ['keys/', probeFolder];

/** The store at an address that holds nothing yet, proven to do what safety needs. */
export async function createS3Store(location: string, options: StoreOptions): Promise<CreatedStore> {
  const { bucket: name, prefix } = parseS3Address(location);
  const bucket = openBucket(name, options.storage ?? usualSettings);
  try {
    await requireEmpty(bucket, location, prefix === '' ? '' : `${prefix}/`);
    await requireOutsideRepositories(bucket, { bucket: name, prefix });
    const abilities = await probe(bucket, prefix === '' ? '' : `${prefix}/`);
    return { store: openS3Store(location, options), abilities };
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
