/** Where a repository is, or could be: tried before anything is asked that depends on it. */
import { statfs } from 'node:fs/promises';
import { fail } from '../../errors.ts';
import { type Config, configName } from '../../repository/config.ts';
import { Repository } from '../../repository/repository.ts';
import { nearestFolder } from '../../repository/stores/create.ts';
import { absoluteLocation, openStore, tryPlace } from '../../repository/stores/open.ts';
import { isS3Location } from '../../repository/stores/s3/address.ts';
import type { StorageSettings } from '../../repository/stores/settings.ts';

export interface ExaminedPlace {
  /** As jobs name it. */
  readonly location: string;
  readonly storage: StorageSettings;
  /** The repository that is there; null when one can be made. */
  readonly existing: Pick<Config, 'id' | 'encryption' | 'blockSize' | 'created'> | null;
  /** Bytes that are free there; null where nobody can tell. */
  readonly free: number | null;
  readonly inBucket: boolean;
}

/**
 * Looks whether there is a repository, and whether one could be made where there is none: with the access, the
 * conditions and the races that `init` proves. Fails as that would; what it writes to find out is removed again.
 */
export async function examinePlace(given: string, storage: StorageSettings): Promise<ExaminedPlace> {
  if (given === '') throw fail('USAGE', { problem: 'the repository is empty: name a folder or s3://BUCKET/PREFIX' });
  const location = absoluteLocation(given);
  const inBucket = isS3Location(location);
  const existing = (await isRepository(location, storage)) ? await Repository.configAt(location, { storage }) : null;
  if (existing === null) await tryPlace(location, { storage });
  return { location, storage, existing, free: inBucket ? null : await freeBytes(location), inBucket };
}

/** WRONG_PASSPHRASE when this one does not open the repository there, and whatever else keeps it shut. */
export async function requireOpening({ location, storage }: ExaminedPlace, passphrase: string): Promise<void> {
  const repo = await Repository.open(location, async () => passphrase, { storage });
  await repo.close();
}

async function isRepository(location: string, storage: StorageSettings): Promise<boolean> {
  const store = await openStore(location, { storage });
  try {
    return (await store.stat(configName)) !== null;
  } finally {
    await store.close();
  }
}

async function freeBytes(location: string): Promise<number> {
  const { bavail, bsize } = await statfs(await nearestFolder(location));
  return bavail * bsize;
}
