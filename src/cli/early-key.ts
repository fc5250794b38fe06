/**
 * The key of a repository in a folder, begun before the line is read: deriving it takes as long as loading all that a command needs. It is
 * begun only when the environment alone names the repository and its passphrase; a guess that was wrong costs a moment of a second core.
 */

/** Commands that open the repository in this process. */
const opening: ReadonlySet<string> = new Set([
  ...['backup', 'points', 'show', 'restore', 'export', 'verify', 'repair', 'diff', 'forget', 'protect', 'unprotect'],
  ...['synthesize', 'consolidate', 'gc', 'undelete', 'attach', 'nbd'],
]);

/** What the environment names; null: it is no folder, or the line has to be read first. */
export function folderOf(words: readonly string[]): { readonly location: string; readonly passphrase: string } | null {
  const { STRATA_REPO: location, STRATA_PASSWORD: passphrase } = process.env;
  if (!location || !passphrase || /^[a-z][a-z0-9+.-]*:\/\//i.test(location)) return null;
  return words.some((word) => /^(--repo|--password-file|-h$|--help)/.test(word)) ? null : { location, passphrase };
}

/** Begins with it when the line looks like one of a command that will need it. */
export async function unlockFor(words: readonly string[]): Promise<void> {
  const found = words.some((word) => opening.has(word)) ? folderOf(words) : null;
  if (found === null) return;
  const { unlockEarly } = await import('../jobs/early-key.ts');
  unlockEarly(found.location, found.passphrase);
}
