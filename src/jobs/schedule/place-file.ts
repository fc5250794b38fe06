/** Small files that are there whole and durable, or not at all: written beside, then given their name. */
import { link, mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fail, fromSystem } from '../../errors.ts';
import { removeQuietly, syncFolderOf, takeName, writePart } from '../../repository/new-file.ts';

/** Permissions of a file that only its owner may read, and of one for all. */
export const ownerOnly = 0o600;
export const readable = 0o644;

/** Writes `path` anew, or in place of what is there. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  await place(path, text, mode, takeName);
}

/** Writes `path`; OBJECT_EXISTS when it is there. */
export async function createFile(path: string, text: string, mode: number): Promise<void> {
  await place(path, text, mode, async (part) => {
    await link(part, path).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST' ? fail('OBJECT_EXISTS', { name: path }, { cause: error }) : error;
    });
    await rm(part);
    await syncFolderOf(path);
  });
}

async function place(
  path: string,
  text: string,
  mode: number,
  name: (part: string, path: string) => Promise<void>,
): Promise<void> {
  const part = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writePart(part, mode, (file) => file.writeFile(text));
    await name(part, path);
  } catch (error) {
    await removeQuietly(part);
    throw fromSystem(error, `cannot write ${path}`);
  }
}
