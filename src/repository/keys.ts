import type { Repository } from './repository.ts';

/** A passphrase of a repository, without anything secret. */
export interface KeyInfo {
  readonly id: string;
  readonly label: string;
  readonly created: string;
  /** Whether this is the key that opened the repository. */
  readonly current: boolean;
}

export async function listKeys(_repo: Repository): Promise<KeyInfo[]> {
  throw new Error('being written');
}

/** Adds a passphrase. */
export async function addKey(_repo: Repository, _passphrase: string, _label: string): Promise<KeyInfo> {
  throw new Error('being written');
}

/** Removes a passphrase; `id` may be a unique prefix. */
export async function removeKey(_repo: Repository, _id: string): Promise<KeyInfo> {
  throw new Error('being written');
}

/** Replaces the passphrase that opened the repository by another. */
export async function changePassphrase(_repo: Repository, _passphrase: string): Promise<KeyInfo> {
  throw new Error('being written');
}
