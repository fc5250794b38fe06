/** An open repository: its configuration, its object store and the vault that seals and opens its frames. */
import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { fail, isStrataError } from '../errors.ts';
import type { Vault } from '../native/vault.ts';
import { native } from '../native.ts';
import { type Config, configName, newConfig, parseConfig } from './config.ts';
import type { Keyring } from './keyring.ts';
import { discardKeys, keyName, keyNames, storeKey, unlock } from './keys.ts';
import type { Manifest } from './manifest.ts';
import { createStore, type NewStoreOptions, openStore, type StoreOptions } from './stores/open.ts';
import type { ObjectStore } from './stores/store.ts';

/** What `Repository.create` needs to know. */
export interface CreateOptions extends NewStoreOptions {
  readonly blockSize: number;
  readonly encryption: boolean;
  /** Needed with encryption. */
  readonly passphrase?: string | undefined;
}

/** What `Repository.open` may be told. */
export interface OpenOptions extends StoreOptions {
  /** Keys that were opened before. */
  readonly keyring?: Keyring | undefined;
  /** Is given the store while a key is derived, for what needs none; not called where no key has to be. */
  readonly whileUnlocking?: ((store: ObjectStore) => void) | undefined;
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
  readonly #recent = new LRUCache<string, Manifest>({ max: 20_000, ttl: 60_000 });

  private constructor(store: ObjectStore, config: Config, opened: Opened) {
    this.location = store.location;
    this.config = config;
    this.store = store;
    this.keyId = opened.keyId;
    this.master = opened.master;
    this.vault = native.createVault(opened.master, config.encryption !== 'none');
  }

  /**
   * Makes a repository at a folder that is empty or does not exist yet, or a prefix that no object has. Only the existence of `strata.json` makes the
   * folder a repository, so the key comes before it. Of two that are made in one place at once, the one that creates
   * `strata.json` wins and removes all other keys; the other one removes its own.
   */
  static async create(location: string, options: CreateOptions): Promise<Repository> {
    const passphrase = options.passphrase ?? '';
    newConfig(options);
    if (options.encryption && passphrase === '') throw fail('PASSPHRASE_EMPTY', {});
    const { store, abilities } = await createStore(location, options);
    const config = newConfig(options, abilities);
    const key = options.encryption ? await storeKey(store, config.id, randomBytes(32), passphrase, 'first') : null;
    try {
      await store.put(configName, Buffer.from(`${JSON.stringify(config, null, 2)}\n`));
    } catch (error) {
      if (!isStrataError(error, 'OBJECT_EXISTS')) throw error;
      await discardKeys(store, (id) => id === key?.id);
      throw fail('REPOSITORY_EXISTS', { location }, { cause: error });
    }
    await discardKeys(store, (id) => id !== key?.id);
    // Only what counts is locked: what a creation that was killed left could not be removed.
    if (config.lock) store.lockBy(config.lock);
    for (const name of [configName, ...(key === null ? [] : [keyName(key.id)])]) await store.locks?.renew(name);
    // Read back rather than trusted: what cannot be opened now could not be opened later.
    await store.close();
    return Repository.open(location, async () => passphrase, options);
  }

  /** What a repository is, as can be read without a passphrase. */
  static async configAt(location: string, options: StoreOptions = {}): Promise<Config> {
    const store = await openStore(location, options);
    try {
      return await readConfig(store);
    } finally {
      await store.close();
    }
  }

  /** Whether a passphrase is needed to open a repository. */
  static async isEncrypted(location: string, options: StoreOptions = {}): Promise<boolean> {
    return (await Repository.configAt(location, options)).encryption !== 'none';
  }

  /** Opens a repository; `passphrase` is only called when it is encrypted. */
  static async open(
    location: string,
    passphrase: () => Promise<string>,
    options: OpenOptions = {},
  ): Promise<Repository> {
    const store = await openStore(location, options);
    // Listed meanwhile: from afar every answer takes its time. Whether it is needed the configuration tells.
    const keys = keyNames(store);
    keys.catch(() => undefined);
    try {
      const config = await readConfig(store);
      if (config.lock) store.lockBy(config.lock);
      const unlocked = async () => {
        const given = await passphrase();
        // Not before: somebody may take a while to type it.
        options.whileUnlocking?.(store);
        return unlock(store, config.id, given, await keys);
      };
      const opened =
        config.master === undefined
          ? await (options.keyring?.open(store, config.id, unlocked) ?? unlocked())
          : { master: Buffer.from(config.master, 'hex'), keyId: null };
      return new Repository(store, config, opened);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** Keeps a manifest that was just read, for who walks down a chain from afar and would wait for each again. */
  remember(manifest: Manifest): void {
    if (this.store.folder === null) this.#recent.set(manifest.id, manifest);
  }

  /** A manifest that was read within the last minute. */
  recent(id: string): Manifest | undefined {
    return this.#recent.get(id);
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
