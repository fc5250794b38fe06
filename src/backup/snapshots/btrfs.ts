/**
 * A read-only snapshot of the Btrfs subvolume that an image file lies in. What was synced before is in it; of what was
 * written meanwhile without a sync parts may be in it and earlier ones not, as after a power cut.
 */
import { existsSync } from 'node:fs';
import { realpath, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fail } from '../../errors.ts';
import { failpoint } from '../../repository/failpoint.ts';
import { runCommand } from '../command.ts';
import type { SnapshotProvider } from './provider.ts';

const btrfsMagic = 0x9123683e;
/** Inode number of the root of each subvolume. */
const rootInode = 256;
const limit = 120_000;

export const btrfs: SnapshotProvider = {
  name: 'btrfs',
  consistency: 'crash',
  byNameOnly: false,
  survivesRestart: true,

  async obstacle({ source }) {
    if (source.kind !== 'file') return 'it is no file';
    if ((await statfs(source.path)).type !== btrfsMagic) return 'it does not lie on Btrfs';
    if ((await subvolumeOf(source.path)) === null) return 'the root of its subvolume cannot be reached';
    const { code } = await runCommand('btrfs', ['--version'], { limit });
    return code === 0 ? null : 'the command btrfs is missing (apt-get install btrfs-progs)';
  },

  async plan({ source, id }) {
    // Within the subvolume, which is always one file system; a snapshot does not hold itself.
    return [join((await subvolumeOf(source.path)) ?? dirname(source.path), `.strata-${id}`)];
  },

  async create({ source }, [place = '']) {
    const root = dirname(place);
    failpoint('snapshot.subvolume');
    // What is read in its place, a snapshot that several disks have in common, lies in a subvolume of its own.
    const from = (await subvolumeOf(source.input as string)) ?? root;
    await snapshotSubvolume(source.path, from, place);
    return { path: join(place, relative(root, await realpath(source.path))), proven: async () => undefined };
  },

  async end([place = ''], _end, id) {
    if (basename(place) !== `.strata-${id}` || !existsSync(place)) return;
    failpoint('snapshot.remove');
    const { code, trouble } = await runCommand('btrfs', ['subvolume', 'delete', place], { limit });
    if (code !== 0 && existsSync(place)) throw fail('IO', { what: `cannot remove ${place}`, reason: trouble });
  },
};

/** Makes a read-only snapshot of a subvolume: SNAPSHOT_FAILED, of the disk at `path`. */
export async function snapshotSubvolume(path: string, root: string, place: string): Promise<void> {
  const { code, trouble } = await runCommand('btrfs', ['subvolume', 'snapshot', '-r', root, place], { limit });
  if (code !== 0) throw fail('SNAPSHOT_FAILED', { path, provider: 'btrfs', reason: trouble });
}

/** The folder of the subvolume that a file lies in; null when only a part of it is mounted. */
export async function subvolumeOf(path: string): Promise<string | null> {
  const file = await realpath(path);
  const { dev } = await stat(file);
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const found = await stat(folder);
    if (found.dev !== dev) return null;
    if (found.ino === rootInode) return folder;
    if (folder === dirname(folder)) return null;
  }
}
