/** Whether the folder that a repository lies in can share extents between files, or its server copy parts of objects, and what to do when not. */
import { constants } from 'node:fs';
import { copyFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, fromSystem } from '../errors.ts';
import type { Repository } from '../repository/repository.ts';
import { joiningOf } from './joining.ts';
import type { SynthesisPlan } from './plan.ts';

/** How frames are copied: by sharing extents, or by reading and writing. */
export type CopyWay = 'auto' | 'never';

/** One block of any file system. */
const probeBytes = 65536;

/**
 * How the frames of a plan can be copied. CLONE_UNSUPPORTED when sharing is required and impossible, NO_SPACE when they
 * must be written and there is no room for them: both before anything is written to the repository.
 */
export async function wayToCopy(
  repo: Repository,
  run: string,
  { statistics }: SynthesisPlan,
  requireClone: boolean,
): Promise<CopyWay> {
  if (repo.store.folder === null) {
    if (requireClone && joiningOf(repo) === null) throw fail('CLONE_UNSUPPORTED', { path: repo.location });
    // Packs go to the server as they are made; there is never room for more than a few needed here.
    return 'never';
  }
  const spool = await repo.store.spool(run);
  if (await sharesExtents(spool)) return 'auto';
  if (requireClone) throw fail('CLONE_UNSUPPORTED', { path: repo.location });
  const { bavail, bsize } = await statfs(spool);
  if (bavail * bsize < statistics.storedBytes) {
    throw fail('NO_SPACE', { what: `cannot copy ${statistics.storedBytes} bytes in repository ${repo.location}` });
  }
  return 'never';
}

async function sharesExtents(folder: string): Promise<boolean> {
  const [from, to] = [join(folder, 'probe'), join(folder, 'probe-shared')];
  try {
    await writeFile(from, Buffer.alloc(probeBytes, 1));
    return await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE).then(
      () => true,
      () => false,
    );
  } catch (error) {
    throw fromSystem(error, `cannot write to ${folder}`);
  } finally {
    await rm(from, { force: true });
    await rm(to, { force: true });
  }
}
