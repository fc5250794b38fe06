import { readdir } from 'node:fs/promises';
import { fail, fromSystem } from '../errors.ts';
import { type Config, configName, defaultBlockSize, newConfig } from '../repository/config.ts';
import { Repository } from '../repository/repository.ts';
import { absoluteLocation, openStore } from '../repository/stores/open.ts';
import { isS3Location } from '../repository/stores/s3/address.ts';
import type { StorageSettings } from '../repository/stores/settings.ts';

export interface InitRequest {
  readonly location: string;
  readonly storage: StorageSettings;
  /** Default: the measured best (docs/format.md). */
  readonly blockSize: number | undefined;
  readonly encryption: boolean;
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
}

/** Makes a repository, or says whether one could be made there. */
export async function initJob(request: InitRequest): Promise<InitResult> {
  const { encryption, dryRun, storage } = request;
  const blockSize = request.blockSize ?? defaultBlockSize;
  const location = absoluteLocation(request.location);
  await refuseUsed(location, storage);
  const passphrase = encryption ? await request.passphrase() : undefined;
  if (passphrase === '') throw fail('PASSPHRASE_EMPTY', {});
  if (dryRun) {
    const config = newConfig({ blockSize, encryption });
    return { location, dryRun, id: null, blockSize, encryption: config.encryption };
  }
  const repo = await Repository.create(location, { blockSize, encryption, passphrase, storage });
  try {
    return { location, dryRun, id: repo.config.id, blockSize, encryption: repo.config.encryption };
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
