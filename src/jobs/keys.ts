import { fail } from '../errors.ts';
import { addKey, changePassphrase, type KeyInfo, listKeys, removeKey } from '../repository/keys.ts';
import type { Repository } from '../repository/repository.ts';
import { type RepositoryAccess, withRepository } from './access.ts';

export type { KeyInfo } from '../repository/keys.ts';

export interface NewPassphrase {
  /** Called once the repository is open and has passphrases. */
  readonly passphrase: () => Promise<string>;
  readonly dryRun: boolean;
}

export interface KeyChange {
  readonly dryRun: boolean;
  /** The key added, removed or put in place of another; null when a dry run makes none. */
  readonly key: KeyInfo | null;
}

/** The passphrases of a repository. */
export function listKeysJob(access: RepositoryAccess): Promise<KeyInfo[]> {
  return withRepository(access, listKeys);
}

/** Adds a passphrase. */
export function addKeyJob(access: RepositoryAccess, request: NewPassphrase & { label: string }): Promise<KeyChange> {
  return changeKey(access, request, (repo, passphrase) => addKey(repo, passphrase, request.label));
}

/** Replaces the passphrase that opens the repository. */
export function changePassphraseJob(access: RepositoryAccess, request: NewPassphrase): Promise<KeyChange> {
  return changeKey(access, request, changePassphrase);
}

/** Removes a passphrase, or says which one would go. */
export function removeKeyJob(access: RepositoryAccess, request: { id: string; dryRun: boolean }): Promise<KeyChange> {
  const { id, dryRun } = request;
  return withRepository(access, async (repo) => {
    if (!dryRun) return { dryRun, key: await removeKey(repo, id) };
    const keys = await listKeys(repo);
    const [key, ...others] = keys.filter((candidate) => id !== '' && candidate.id.startsWith(id));
    if (key === undefined || others.length > 0) throw fail('KEY_NOT_FOUND', { key: id });
    if (keys.length === 1) throw fail('LAST_KEY', { key: key.id });
    return { dryRun, key };
  });
}

function changeKey(
  access: RepositoryAccess,
  { passphrase, dryRun }: NewPassphrase,
  change: (repo: Repository, passphrase: string) => Promise<KeyInfo>,
): Promise<KeyChange> {
  return withRepository(access, async (repo) => {
    if (repo.keyId === null) throw fail('NOT_ENCRYPTED', {});
    const chosen = await passphrase();
    if (chosen === '') throw fail('PASSPHRASE_EMPTY', {});
    return { dryRun, key: dryRun ? null : await change(repo, chosen) };
  });
}
