/**
 * A file that shares all blocks of an image file (FICLONE: XFS, Btrfs, bcachefs). The kernel makes it while nobody can
 * write to the image, so it is of one instant; it takes space only as the image changes.
 */
import { constants as files } from 'node:fs';
import { type FileHandle, open, realpath, rm, statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fail, fromSystem, reasonOf } from '../../errors.ts';
import { native } from '../../native.ts';
import { failpoint } from '../../repository/failpoint.ts';
import type { SnapshotProvider } from './provider.ts';

/** Magic numbers of statfs(2) of the file systems that can. */
const sharing = [0x58465342, 0x9123683e, 0xca451a4e];

/** Errors that say that these files can share nothing, today or tomorrow. */
const cannot = new Set<number>([
  constants.errno.EOPNOTSUPP,
  constants.errno.EINVAL,
  constants.errno.EXDEV,
  constants.errno.ENOTTY,
]);

/** Of a name at most so much: with what is added it must be one, too. */
const longestPart = 200;

export const reflink: SnapshotProvider = {
  name: 'reflink',
  consistency: 'crash',
  byNameOnly: false,
  survivesRestart: true,

  async obstacle({ source }) {
    if (source.kind !== 'file') return 'it is no file';
    const { type } = await statfs(source.path);
    return sharing.includes(type) ? null : 'its file system has no files that share blocks (reflink)';
  },

  async plan({ source, id, folder }) {
    const name = basename(source.path).slice(0, longestPart);
    return [join(folder ?? dirname(await realpath(source.path)), `.${name}.strata-${id}`)];
  },

  async create({ source }, [place = '']) {
    const to = await create(place);
    const from = await open(source.input as string, 'r').catch(async (error: unknown) => {
      await to.close();
      throw error;
    });
    try {
      failpoint('snapshot.clone');
      await native.cloneFile(from.fd, to.fd);
      // It may be kept, and then a power cut must not leave less of it than its name.
      await to.sync();
    } catch (error) {
      const { errno = 0 } = error as { errno?: number };
      if (cannot.has(errno)) throw fail('SNAPSHOT_IMPOSSIBLE', { path: source.path, reason: reasonOf(error) });
      throw error;
    } finally {
      await Promise.all([from.close(), to.close()]);
    }
    return { path: place, proven: async () => undefined };
  },

  async end([place = ''], _end, id) {
    if (!basename(place).endsWith(`.strata-${id}`)) return;
    failpoint('snapshot.remove');
    await rm(place, { force: true });
  },
};

async function create(place: string): Promise<FileHandle> {
  try {
    return await open(place, files.O_RDWR | files.O_CREAT | files.O_EXCL | files.O_NOFOLLOW, 0o600);
  } catch (error) {
    throw fromSystem(error, `cannot make ${place}`);
  }
}
