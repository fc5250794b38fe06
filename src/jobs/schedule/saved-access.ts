/** How a saved job gets at its repository: with the passphrase of its file, or as whoever runs it says. */
import { readFile } from 'node:fs/promises';
import { fail, reasonOf } from '../../errors.ts';
import { usualSettings } from '../../repository/stores/settings.ts';
import type { RepositoryAccess } from '../access.ts';
import type { SavedJob } from './saved-job.ts';

export type AskPassphrase = Pick<RepositoryAccess, 'passphrase' | 'passphraseGiven'>;

/** Nobody is there to be asked. */
export const nobody: AskPassphrase = {
  passphrase: async () => {
    throw fail('PASSPHRASE_NEEDED', {});
  },
  passphraseGiven: false,
};

/** Access to the repository of a job; `ask` is only used when the job names no file. */
export function accessOf(saved: SavedJob, ask: AskPassphrase): RepositoryAccess {
  const { repository: location, storage = usualSettings, passwordFile } = saved;
  if (passwordFile === null) return { ...ask, location, storage };
  return { location, storage, passphrase: () => readPassphrase(passwordFile), passphraseGiven: true };
}

/** A passphrase from a file, without its last line break: USAGE when it cannot be read. */
export async function readPassphrase(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw fail('USAGE', { problem: `the passphrase file ${path}: ${reasonOf(error)}` }, { cause: error });
  }
}
