/**
 * The passphrases of a repository. Each wraps the same random master key (docs/format.md, Keys), so one can be
 * added, replaced or removed without touching anything else.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { fail, isStrataError } from '../errors.ts';
import { derive, usualCost } from './derivation.ts';
import type { Repository } from './repository.ts';
import type { ObjectStore } from './stores/store.ts';

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));

// The limits keep a forged key file from taking the machine's memory.
const keySchema = z.object({
  id: hex(8),
  label: z.string(),
  created: z.iso.datetime(),
  kdf: z.object({
    name: z.literal('scrypt'),
    N: z
      .int()
      .min(2)
      .max(1048576)
      .refine((cost) => Number.isInteger(Math.log2(cost))),
    r: z.int().min(1).max(16),
    p: z.int().min(1).max(16),
    salt: hex(32),
  }),
  nonce: hex(12),
  wrapped: hex(48),
});

type KeyFile = Readonly<z.infer<typeof keySchema>>;

/** A passphrase of a repository, without anything secret. */
export interface KeyInfo {
  readonly id: string;
  readonly label: string;
  readonly created: string;
  /** Whether this is the key that opened the repository. */
  readonly current: boolean;
}

/** Name of a key in the store. */
export const keyName = (id: string) => `keys/${id}.json`;

/** Wraps a master key with a passphrase and stores the key file; its id. */
export async function storeKey(
  store: ObjectStore,
  repositoryId: string,
  master: Uint8Array,
  passphrase: string,
  label: string,
): Promise<KeyFile> {
  const kdf = { name: 'scrypt', ...usualCost, salt: randomBytes(32).toString('hex') } as const;
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', await derive(passphrase, kdf), nonce);
  cipher.setAAD(associatedText(repositoryId));
  const wrapped = Buffer.concat([cipher.update(master), cipher.final(), cipher.getAuthTag()]);
  const key: KeyFile = {
    id: randomBytes(8).toString('hex'),
    label,
    created: new Date().toISOString(),
    kdf,
    nonce: nonce.toString('hex'),
    wrapped: wrapped.toString('hex'),
  };
  await store.put(keyName(key.id), Buffer.from(`${JSON.stringify(key, null, 2)}\n`));
  return key;
}

/** The names of all key files. */
export async function keyNames(store: ObjectStore): Promise<string[]> {
  const names: string[] = [];
  for await (const name of store.names('keys/')) names.push(name);
  return names;
}

/** A master key, and the id of the key that opened it. */
export interface Unlocked {
  readonly master: Buffer;
  readonly keyId: string;
}

/** Finds the key that a passphrase opens. `names`: of all keys, when they are known. */
export async function unlock(
  store: ObjectStore,
  repositoryId: string,
  passphrase: string,
  names?: readonly string[],
): Promise<Unlocked> {
  const { keys, damaged, gone } = await readKeys(store, names);
  for (const key of keys) {
    const master = await unwrap(key, repositoryId, passphrase);
    if (master !== null) return { master, keyId: key.id };
  }
  // Replaced since they were listed, maybe by the one that this passphrase opens.
  if (gone) return unlock(store, repositoryId, passphrase);
  if (damaged[0] !== undefined) throw fail('CONFIG_DAMAGED', { what: damaged[0], reason: 'it is not a key file' });
  if (keys.length === 0) throw fail('CONFIG_DAMAGED', { what: 'keys/', reason: 'there is no key' });
  throw fail('WRONG_PASSPHRASE', { keys: keys.length });
}

/** Removes key files, by their ids, from a repository that is being made. */
export async function discardKeys(store: ObjectStore, unwanted: (id: string) => boolean): Promise<void> {
  for (const name of await keyNames(store)) {
    const [, id = ''] = /^keys\/(.*)\.json$/.exec(name) ?? [];
    if (unwanted(id)) await store.remove(name);
  }
}

export async function listKeys(repo: Repository): Promise<KeyInfo[]> {
  const { keys } = await readKeys(repo.store);
  return keys.map((key) => describe(repo, key)).sort((a, b) => a.created.localeCompare(b.created));
}

/** Adds a passphrase. */
export async function addKey(repo: Repository, passphrase: string, label: string): Promise<KeyInfo> {
  requireEncryption(repo);
  return describe(repo, await storeKey(repo.store, repo.config.id, repo.master, passphrase, label));
}

/** Removes a passphrase; `id` may be a unique prefix. */
export async function removeKey(repo: Repository, id: string): Promise<KeyInfo> {
  requireEncryption(repo);
  const { keys } = await readKeys(repo.store);
  const [key, ...others] = keys.filter((candidate) => id !== '' && candidate.id.startsWith(id));
  if (key === undefined || others.length > 0) throw fail('KEY_NOT_FOUND', { key: id });
  if (keys.length === 1) throw fail('LAST_KEY', { key: key.id });
  await requireUnlocked(repo, key.id);
  await repo.store.remove(keyName(key.id));
  return describe(repo, key);
}

/** Replaces the passphrase that opened the repository by another. */
export async function changePassphrase(repo: Repository, passphrase: string): Promise<KeyInfo> {
  const { keyId } = requireEncryption(repo);
  const { keys } = await readKeys(repo.store);
  const label = keys.find((key) => key.id === keyId)?.label ?? '';
  await requireUnlocked(repo, keyId);
  const key = await storeKey(repo.store, repo.config.id, repo.master, passphrase, label);
  await repo.store.remove(keyName(keyId));
  return describe(repo, key);
}

interface KeysFound {
  readonly keys: readonly KeyFile[];
  /** Names of what is no key file. */
  readonly damaged: readonly string[];
  /** Whether some were removed since they were listed. */
  readonly gone: boolean;
}

async function readKeys(store: ObjectStore, names?: readonly string[]): Promise<KeysFound> {
  const keys: KeyFile[] = [];
  const damaged: string[] = [];
  let gone = false;
  for (const name of names ?? (await keyNames(store))) {
    const text = await store.get(name).catch((error: unknown) => {
      if (isStrataError(error, 'OBJECT_MISSING')) return null;
      throw error;
    });
    const key = text === null ? null : parseKey(text.toString());
    if (text === null) gone = true;
    else if (key !== null && keyName(key.id) === name) keys.push(key);
    else damaged.push(name);
  }
  return { keys, damaged, gone };
}

/** The key in the text of a key file; null when it is none. */
export function parseKey(text: string): KeyFile | null {
  try {
    return keySchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

async function unwrap(key: KeyFile, repositoryId: string, passphrase: string): Promise<Buffer | null> {
  const wrapped = Buffer.from(key.wrapped, 'hex');
  const nonce = Buffer.from(key.nonce, 'hex');
  const decipher = createDecipheriv('aes-256-gcm', await derive(passphrase, key.kdf), nonce, { authTagLength: 16 });
  decipher.setAAD(associatedText(repositoryId));
  decipher.setAuthTag(wrapped.subarray(32));
  const master = decipher.update(wrapped.subarray(0, 32));
  try {
    decipher.final();
    return master;
  } catch {
    // The tag does not fit: this is not the passphrase of this key.
    return null;
  }
}

function associatedText(repositoryId: string): Buffer {
  return Buffer.from(`strata key 1 ${repositoryId}`);
}

/** Before a new key is stored in place of one that could not be removed. */
async function requireUnlocked({ store }: Repository, id: string): Promise<void> {
  const until = (await store.locks?.until(keyName(id))) ?? null;
  if (until !== null && until.getTime() > Date.now()) {
    throw fail('OBJECT_LOCKED', { name: keyName(id), until: until.toISOString() });
  }
}

function requireEncryption(repo: Repository): { keyId: string } {
  if (repo.keyId === null) throw fail('NOT_ENCRYPTED', {});
  return { keyId: repo.keyId };
}

function describe(repo: Repository, key: KeyFile): KeyInfo {
  return { id: key.id, label: key.label, created: key.created, current: key.id === repo.keyId };
}
