/**
 * Master keys that passphrases have opened, for a process that opens the same repository often: deriving a key takes a fifth of a second. They
 * are in memory only, as the passphrases are. A key file that is gone opens nothing any more.
 */
import { keyName, type Unlocked } from './keys.ts';
import type { ObjectStore } from './stores/store.ts';

export class Keyring {
  /** By repository. */
  readonly #keys = new Map<string, Promise<Unlocked>>();

  /** The master key of a repository; `unlock` asks for the passphrase, once for all who want to know. */
  async open(store: ObjectStore, repositoryId: string, unlock: () => Promise<Unlocked>): Promise<Unlocked> {
    const known = this.#keys.get(repositoryId);
    if (known !== undefined) {
      const found = await known;
      if ((await store.stat(keyName(found.keyId))) !== null) return copyOf(found);
    }
    const unlocked = unlock();
    this.#keys.set(repositoryId, unlocked);
    try {
      return copyOf(await unlocked);
    } catch (error) {
      this.#keys.delete(repositoryId);
      throw error;
    }
  }
}

/** Who closes a repository wipes its key. */
function copyOf({ master, keyId }: Unlocked): Unlocked {
  return { master: Buffer.from(master), keyId };
}
