/** Images of ext file systems that were lived in, and what the tools of their makers say is free in them. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Extents } from '../../../../src/backup/allocation/allocation.ts';
import { extentsOf, scale } from '../../../../src/backup/allocation/extents.ts';
import { type Random, randomFrom } from '../../../model/random.ts';

/** Words for mkfs.ext4, each a kind of layout of its own. */
export const kinds: readonly string[] = [
  '-t ext2',
  '-t ext2 -b 1024 -I 128 -O ^resize_inode',
  '-t ext2 -r 0',
  '-t ext3',
  '-t ext3 -b 1024 -g 1024',
  '-t ext4',
  '-t ext4 -b 1024',
  '-t ext4 -b 2048 -O ^64bit',
  '-t ext4 -O ^metadata_csum,uninit_bg',
  '-t ext4 -O ^metadata_csum,^uninit_bg,^flex_bg',
  '-t ext4 -b 1024 -O ^flex_bg -g 2048',
  '-t ext4 -b 1024 -G 4 -g 1024',
  '-t ext4 -O meta_bg,^resize_inode',
  '-t ext4 -b 1024 -O meta_bg,^resize_inode -g 512',
  '-t ext4 -b 1024 -O meta_bg,^resize_inode,^flex_bg,^64bit -g 1024',
  '-t ext4 -O sparse_super2,^resize_inode -b 1024',
  '-t ext4 -O ^sparse_super,^resize_inode -b 1024',
  '-t ext4 -O bigalloc -C 16384',
  '-t ext4 -O bigalloc -b 1024 -C 8192',
  '-t ext4 -O bigalloc,^metadata_csum,uninit_bg -C 65536',
  '-t ext4 -O metadata_csum_seed,inline_data,ea_inode,large_dir',
  '-t ext4 -O ^has_journal',
];

const mib = 1024 ** 2;

/** Makes an image of about `size` MiB, not a whole number of groups, over what a file holds, and lives in it for so many `steps`. */
export async function makeExtImage(path: string, kind: string, size: number, steps: number, seed = 1): Promise<void> {
  await writeFile(path, '', { flag: 'a' });
  await truncate(path, size * mib + 333 * 1024);
  const now = ['-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard'];
  execFileSync('mkfs.ext4', ['-q', '-F', ...kind.split(' '), ...now, path], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (steps > 0) await liveIn(path, steps, size, randomFrom(seed));
}

/** Writes, deletes, cuts, punches and allocates in an image while it is mounted; at last calls `atTheEnd`. */
export async function liveIn(
  path: string,
  steps: number,
  size: number,
  random: Random,
  atTheEnd: (mountPoint: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const folder = await mkdtemp(`${path}.mount-`);
  execFileSync('mount', ['-o', 'loop', path, folder]);
  try {
    for (let n = 0; n < steps; n++) await step(folder, `file-${n}`, size, random).catch(unlessFull);
    await atTheEnd(folder);
  } finally {
    execFileSync('umount', [folder]);
    await rm(folder, { recursive: true });
  }
}

async function step(folder: string, name: string, size: number, random: Random): Promise<void> {
  const file = join(folder, name);
  const files = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile());
  const old = join(folder, random.one(files)?.name ?? name);
  const length = 1 + random.below((size * mib) / 24);
  switch (files.length === 0 ? 0 : random.below(8)) {
    case 0:
    case 1:
    case 2:
      return writeFile(file, randomBytes(length));
    case 3:
      return rm(old);
    case 4:
      return truncate(old, random.below(length));
    case 5:
      return allocate('--punch-hole', old, random.below(length), 1 + random.below(100_000));
    case 6:
      return allocate('--keep-size', file, 0, length);
    default:
      await mkdir(join(folder, `folder-${name}`));
      for (let n = 0; n < 20; n++) await writeFile(join(folder, `folder-${name}`, `${n}`), randomBytes(n * 211));
  }
}

/** Some other file instead where the file system cannot do it, as ext2 and ext3. */
async function allocate(how: string, file: string, offset: number, length: number): Promise<void> {
  try {
    execFileSync('fallocate', [how, '-o', `${offset}`, '-l', `${length}`, file], { stdio: 'ignore' });
  } catch {
    await writeFile(`${file}.instead`, randomBytes(100));
  }
}

function unlessFull(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOSPC') throw error;
}

/** What dumpe2fs says is free, in bytes. */
export function freeByDumpe2fs(path: string): Extents {
  const text = execFileSync('dumpe2fs', [path], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 28,
  });
  const blockSize = Number(/^Block size: +(\d+)/m.exec(text)?.[1]);
  const clusterSize = Number(/^Cluster size: +(\d+)/m.exec(text)?.[1] ?? blockSize);
  const blocks = Number(/^Block count: +(\d+)/m.exec(text)?.[1]);
  const runs: [number, number][] = [];
  // The line of the superblock has a number there, those of the groups ranges.
  for (const [, list = ''] of text.matchAll(/^ {2}Free blocks: (.+)$/gm)) {
    for (const range of list.split(', ')) {
      const [first = 0, last = first] = range.split('-').map(Number);
      // Of clusters it names the first block of the last one.
      runs.push([first, Math.min(last + clusterSize / blockSize, blocks) - first]);
    }
  }
  return scale(extentsOf(runs), blockSize);
}

/** Fails unless two images have the same files. */
export function sameFiles(one: string, other: string): void {
  execFileSync('sh', ['-ec', compareFiles, 'sh', one, other], { stdio: 'pipe' });
}

const compareFiles = `
folder=$(mktemp -d "$2.XXXXXX"); mkdir "$folder/a" "$folder/b"
mount -o loop,ro "$1" "$folder/a"; mount -o loop,ro "$2" "$folder/b"
diff -r "$folder/a" "$folder/b" && ended=0 || ended=$?
umount "$folder/a" "$folder/b"; rm -r "$folder"; exit $ended`;
