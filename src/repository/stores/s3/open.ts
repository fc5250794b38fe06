/** From an address and settings to a store. */
import { cachesOfStorage, usualCacheLimit } from '../cache-room.ts';
import type { StoreOptions } from '../open.ts';
import { type StorageSettings, usualSettings } from '../settings.ts';
import { parseS3Address } from './address.ts';
import { Bucket } from './bucket.ts';
import { connect } from './connect.ts';
import { S3Store } from './store.ts';

/** The store at an address: USAGE when it is none, or the settings cannot be used. Nothing is sent yet. */
export function openS3Store(location: string, options: StoreOptions): S3Store {
  const address = parseS3Address(location);
  const { storage = usualSettings, fresh = false, ranges = 'fetched', warn = () => {}, signal } = options;
  const { cacheLimit = usualCacheLimit } = storage;
  const bucket = openBucket(address.bucket, storage);
  return new S3Store({ address, bucket, caches: cachesOfStorage(), cacheLimit, fresh, ranges, warn, signal });
}

/** One bucket, for who needs no store; `version`: which one is the object where the bucket keeps them. */
export function openBucket(name: string, storage: StorageSettings, version: 'first' | 'newest' = 'first'): Bucket {
  const settings = settingsOf(storage);
  return new Bucket({ ...connect(settings), name, endpoint: settings.endpoint ?? 'AWS', version });
}

/** With what the environment of the AWS tools names as the server. */
function settingsOf(settings: StorageSettings): StorageSettings {
  const endpoint = settings.endpoint ?? (process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL || null);
  return { ...settings, endpoint };
}
