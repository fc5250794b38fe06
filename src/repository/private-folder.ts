/** Folders whose records tell root what to undo: nobody else may write them. */
import { lstat, mkdir, open } from 'node:fs/promises';
import { fail } from '../errors.ts';

/** Makes a folder for this user alone: PERMISSION when there is one that others may write. */
export async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  const ours = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
  if (!ours) throw fail('PERMISSION', { what: `${folder} is not a folder for this user alone` });
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
