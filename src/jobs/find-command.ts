import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a command is; null when it is not there. Also in the administrator's folders, which a user's PATH may lack. */
export async function findCommand(command: string): Promise<string | null> {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'].filter((folder) => folder !== '');
  for (const folder of folders) {
    const path = join(folder, command);
    if (await isUsable(path, constants.X_OK)) return path;
  }
  return null;
}

/** Whether this process may use a file in all the ways that `mode` says. */
export async function isUsable(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
