import type { Vault } from '../native.ts';
import type { Config } from './config.ts';
import type { ObjectStore } from './stores/store.ts';

/** What `Repository.create` needs to know. */
export interface CreateOptions {
  readonly blockSize: number;
  readonly encryption: boolean;
  /** Needed with encryption. */
  readonly passphrase?: string | undefined;
}

/** An open repository. */
export class Repository {
  readonly location: string;
  readonly config: Config;
  readonly store: ObjectStore;
  readonly vault: Vault;
  /** The key that opened it; null when the repository is not encrypted. */
  readonly keyId: string | null;
  /** The master key, for wrapping it with another passphrase. */
  readonly master: Uint8Array;

  private constructor(
    location: string,
    config: Config,
    store: ObjectStore,
    opened: { vault: Vault; keyId: string | null; master: Uint8Array },
  ) {
    this.location = location;
    this.config = config;
    this.store = store;
    this.vault = opened.vault;
    this.keyId = opened.keyId;
    this.master = opened.master;
  }

  /** Makes a repository at a folder that is empty or does not exist yet. */
  static async create(_location: string, _options: CreateOptions): Promise<Repository> {
    throw new Error('being written');
  }

  /** Opens a repository; `passphrase` is only called when it is encrypted. */
  static async open(_location: string, _passphrase: () => Promise<string>): Promise<Repository> {
    throw new Error('being written');
  }

  async close(): Promise<void> {
    this.master.fill(0);
    await this.store.close();
  }
}
