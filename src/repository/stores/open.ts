/** The object store of a location: a folder, or a bucket. What talks to buckets is loaded only for them. */
import { resolve } from 'node:path';
import { fail, type StrataError } from '../../errors.ts';
import type { Warning } from '../events.ts';
import { createLocalStore, tryLocalPlace } from './create.ts';
import { LocalStore } from './local.ts';
import type { LockRule } from './lock.ts';
import { isS3Location } from './s3/address.ts';
import type { StorageSettings } from './settings.ts';
import type { ObjectStore } from './store.ts';

/** What is read of packs of object storage: `kept` on the local disk, for who reads it again; or only `used` where it is kept already; or neither. */
export type RangeUse = 'kept' | 'used' | 'fetched';

export interface StoreOptions {
  /** Of object storage. */
  readonly storage?: StorageSettings | undefined;
  /** Uses no copies that were made before: for who is to say what is in the store. */
  readonly fresh?: boolean | undefined;
  readonly ranges?: RangeUse | undefined;
  /** Hears of what does not work, and is not needed. */
  readonly warn?: ((warning: Warning) => void) | undefined;
  /** Ends reading and storing of contents that is under way. */
  readonly signal?: AbortSignal | undefined;
}

export interface NewStoreOptions extends StoreOptions {
  /** How objects are to be locked; object storage only. */
  readonly lock?: LockRule | undefined;
}

/** What a new store can do, as `strata.json` keeps it; null: a folder, which can do all that is needed. */
export type StoreAbilities = Readonly<Record<string, string | number | boolean>> | null;

export interface CreatedStore {
  readonly store: ObjectStore;
  readonly abilities: StoreAbilities;
}

/** The location as messages, records and other processes name it. */
export function absoluteLocation(location: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(location)?.[1];
  if (scheme === undefined) return resolve(location);
  // `sftp://host/x` is no folder named `sftp:`.
  if (!isS3Location(location)) {
    throw fail('NOT_SUPPORTED', { feature: `a repository at ${scheme}://`, instead: 'use a local folder or s3://' });
  }
  return location.replace(/\/+$/, '');
}

/** Nothing in a folder is safe from who may write there. */
export function lockNeedsBucket(): StrataError {
  return fail('NOT_SUPPORTED', {
    feature: 'a lock on a folder',
    instead: 'use s3:// with a bucket that was made with object lock',
  });
}

/** The store at a location, whether there is a repository or not. */
export async function openStore(location: string, options: StoreOptions = {}): Promise<ObjectStore> {
  const absolute = absoluteLocation(location);
  if (!isS3Location(absolute)) return new LocalStore(absolute);
  const { openS3Store } = await import('./s3/open.ts');
  return openS3Store(absolute, options);
}

/** Makes a store for a new repository: REPOSITORY_EXISTS, LOCATION_NOT_EMPTY, LOCATION_UNSUITABLE. */
export async function createStore(location: string, options: NewStoreOptions = {}): Promise<CreatedStore> {
  const absolute = absoluteLocation(location);
  if (!isS3Location(absolute)) {
    if (options.lock) throw lockNeedsBucket();
    return { store: await createLocalStore(absolute), abilities: null };
  }
  const { createS3Store } = await import('./s3/create.ts');
  return createS3Store(absolute, options);
}

/** Tries whether a store could be made: fails as `createStore` would, and leaves nothing. */
export async function tryPlace(location: string, options: StoreOptions = {}): Promise<StoreAbilities> {
  const absolute = absoluteLocation(location);
  if (isS3Location(absolute)) {
    const { tryS3Place } = await import('./s3/create.ts');
    return tryS3Place(absolute, options);
  }
  await tryLocalPlace(absolute);
  return null;
}
