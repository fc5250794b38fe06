import { deriveEarly } from '../repository/derivation.ts';

/** Begins to derive the key of a repository in a folder, for who opens it soon in this process; loads next to nothing. */
export function unlockEarly(folder: string, passphrase: string): void {
  deriveEarly(folder, passphrase);
}
