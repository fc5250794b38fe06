/** An open repository: its configuration, its object store and the vault that seals and opens its frames. */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { fail, isStrataError } from '../errors.ts';
import { native, type Vault } from '../native.ts';
import { type Config, configName, newConfig, parseConfig } from './config.ts';
import { discardKeys, storeKey, unlock } from './keys.ts';
import { createLocalStore } from './stores/create.ts';
import { LocalStore } from './stores/local.ts';
import type { ObjectStore } from './stores/store.ts';

/** What `Repository.create` needs to know. */
export interface CreateOptions {
  readonly blockSize: number;
  readonly encryption: boolean;
  /** Needed with encryption. */
  readonly passphrase?: string | undefined;
}

interface Opened {
  readonly master: Buffer;
  /** The key that opened it; null when the repository is not encrypted. */
  readonly keyId: string | null;
}

export class Repository {
  readonly location: string;
  readonly config: Config;
  readonly store: ObjectStore;
  readonly vault: Vault;
  readonly keyId: string | null;
  /** The master key, for wrapping it with another passphrase. */
  readonly master: Buffer;

  private constructor(store: ObjectStore, config: Config, opened: Opened) {
    this.location = store.location;
    this.config = config;
    this.store = store;
    this.keyId = opened.keyId;
    this.master = opened.master;
    this.vault = native.createVault(opened.master, config.encryption !== 'none');
  }

  /**
   * Makes a repository at a folder that is empty or does not exist yet. Only the existence of `strata.json` makes the
   * folder a repository, so the key comes before it. Of two that are made in one place at once, the one that creates
   * `strata.json` wins and removes all other keys; the other one removes its own.
   */
  static async create(location: string, options: CreateOptions): Promise<Repository> {
    const config = newConfig(options);
    const passphrase = options.passphrase ?? '';
    if (options.encryption && passphrase === '') throw fail('PASSPHRASE_EMPTY', {});
    const store = await createLocalStore(localPath(location));
    const key = options.encryption ? await storeKey(store, config.id, randomBytes(32), passphrase, 'first') : null;
    try {
      await store.put(configName, Buffer.from(`${JSON.stringify(config, null, 2)}\n`));
    } catch (error) {
      if (!isStrataError(error, 'OBJECT_EXISTS')) throw error;
      await discardKeys(store, (id) => id === key?.id);
      throw fail('REPOSITORY_EXISTS', { location }, { cause: error });
    }
    await discardKeys(store, (id) => id !== key?.id);
    // Read back rather than trusted: what cannot be opened now could not be opened later.
    return Repository.open(location, async () => passphrase);
  }

  /** Whether a passphrase is needed to open a repository. */
  static async isEncrypted(location: string): Promise<boolean> {
    return (await readConfig(new LocalStore(localPath(location)))).encryption !== 'none';
  }

  /** Opens a repository; `passphrase` is only called when it is encrypted. */
  static async open(location: string, passphrase: () => Promise<string>): Promise<Repository> {
    const store = new LocalStore(localPath(location));
    const config = await readConfig(store);
    const opened =
      config.master === undefined
        ? await unlock(store, config.id, await passphrase())
        : { master: Buffer.from(config.master, 'hex'), keyId: null };
    return new Repository(store, config, opened);
  }

  /** Forgets the master key; the repository cannot be used afterwards. */
  async close(): Promise<void> {
    this.master.fill(0);
    await this.store.close();
  }
}

async function readConfig(store: ObjectStore): Promise<Config> {
  const { location } = store;
  let text: string;
  try {
    text = (await store.get(configName)).toString();
  } catch (error) {
    if (!isStrataError(error, 'OBJECT_MISSING')) throw error;
    throw fail('NO_REPOSITORY', { location, reason: 'there is no strata.json' }, { cause: error });
  }
  return parseConfig(text);
}

function localPath(location: string): string {
  if (location.startsWith('s3://')) {
    throw fail('NOT_SUPPORTED', { feature: 'a repository in object storage', instead: 'give a folder' });
  }
  return resolve(location);
}
