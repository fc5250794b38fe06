/** Whether the key of a bucket is saved: runs that start without our environment need it where the AWS tools keep theirs. */
import { fail } from '../../errors.ts';
import type { ExaminedPlace } from '../../jobs/setup/place.ts';
import { findStorageKeys, type StorageKeys } from '../../jobs/setup/storage-keys.ts';
import type { Session } from '../session.ts';
import type { Asker } from './asker.ts';
import type { SetupOptions } from './options.ts';

interface SavedKeys {
  /** The file that they are added to; null: none are. */
  readonly keysFile: string | null;
  readonly keys: StorageKeys | null;
}

/** `scheduled`: whether anything starts the jobs but people. */
export async function askSavedKeys(
  session: Session,
  asker: Asker,
  { saveKeys }: SetupOptions,
  { inBucket }: ExaminedPlace,
  scheduled: boolean,
): Promise<SavedKeys> {
  const none = { keysFile: null, keys: null };
  if (!inBucket) {
    if (saveKeys) throw fail('USAGE', { problem: '--save-keys goes with a repository in a bucket' });
    return none;
  }
  const { given, temporary, path, saved } = await findStorageKeys();
  if (given === null || saved || temporary || (!scheduled && !saveKeys)) {
    if (scheduled && !saved && (temporary || process.env.AWS_PROFILE)) {
      session.warn(`runs by the schedule do not see the key that is used here: put one into ${path} as [default]`);
    }
    return none;
  }
  const save = await asker.answer({
    option: '--save-keys',
    given: saveKeys,
    fallback: true,
    ask: () => asker.confirm(`Save the key in ${path}, where runs by the schedule find it?`, true),
  });
  if (save) return { keysFile: path, keys: given };
  session.warn(`runs by the schedule will not see the key that is used here: put one into ${path} as [default]`);
  return none;
}
