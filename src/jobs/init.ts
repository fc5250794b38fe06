import { readdir } from 'node:fs/promises';
import { fail, fromSystem } from '../errors.ts';
import { type Config, configName, defaultBlockSize, newConfig } from '../repository/config.ts';
import { Repository } from '../repository/repository.ts';
import type { LockRule } from '../repository/stores/lock.ts';
import { absoluteLocation, lockNeedsBucket, openStore } from '../repository/stores/open.ts';
import { isS3Location } from '../repository/stores/s3/address.ts';
import type { StorageSettings } from '../repository/stores/settings.ts';

export type { LockMode } from '../repository/stores/lock.ts';

export interface InitRequest {
  readonly location: string;
  readonly storage: StorageSettings;
  /** Default: the measured best (docs/format.md). */
  readonly blockSize: number | undefined;
  readonly encryption: boolean;
  /** How objects are to be locked in object storage; null: not. */
  readonly lock: LockRule | null;
  /** Only called with encryption, and when nothing stands in the way. */
  readonly passphrase: () => Promise<string>;
  readonly dryRun: boolean;
}

export interface InitResult {
  readonly location: string;
  readonly dryRun: boolean;
  /** Null for a dry run. */
  readonly id: string | null;
  readonly blockSize: number;
  readonly encryption: Config['encryption'];
  readonly lock: LockRule | null;
}

/** Makes a repository, or says whether one could be made there. */
export async function initJob(request: InitRequest): Promise<InitResult> {
  const { encryption, lock, dryRun, storage } = request;
  const blockSize = request.blockSize ?? defaultBlockSize;
  const location = absoluteLocation(request.location);
  if (lock !== null && !isS3Location(location)) throw lockNeedsBucket();
  await refuseUsed(location, storage);
  const passphrase = encryption ? await request.passphrase() : undefined;
  if (passphrase === '') throw fail('PASSPHRASE_EMPTY', {});
  if (dryRun) {
    const config = newConfig({ blockSize, encryption });
    return { location, dryRun, id: null, blockSize, encryption: config.encryption, lock };
  }
  const repo = await Repository.create(location, {
    blockSize,
    encryption,
    passphrase,
    storage,
    lock: lock ?? undefined,
  });
  try {
    return { location, dryRun, id: repo.config.id, blockSize, encryption: repo.config.encryption, lock };
  } finally {
    await repo.close();
  }
}

/** So that nobody is asked for a passphrase in vain, and a dry run can tell; creation itself decides. */
async function refuseUsed(location: string, storage: StorageSettings): Promise<void> {
  if (!isS3Location(location)) return refuseUsedFolder(location);
  const store = await openStore(location, { storage });
  try {
    if ((await store.stat(configName)) !== null) throw fail('REPOSITORY_EXISTS', { location });
  } finally {
    await store.close();
  }
}

async function refuseUsedFolder(location: string): Promise<void> {
  try {
    if ((await readdir(location)).includes(configName)) throw fail('REPOSITORY_EXISTS', { location });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    if (code === 'ENOTDIR') throw fail('LOCATION_UNSUITABLE', { location, reason: 'it is not a folder' });
    throw fromSystem(error, `cannot read ${location}`);
  }
}
