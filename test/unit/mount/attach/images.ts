/** Disks with real file systems for the tests, made by the system's own tools, and what this machine can do with them. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, open, readFile, rmdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { readMounts } from '../../../../src/repository/mounts.ts';
import { apart } from '../../../lab/other-namespace.ts';
import { hasLoop } from '../../loop.ts';
import { scratchFolder } from '../../scratch.ts';

export const mebibyte = 1024 * 1024;

export type FileSystem = keyof typeof makers;

interface Maker {
  readonly mebibytes: number;
  readonly command: readonly [string, ...string[]];
  /** The kernel's driver. */
  readonly driver: string;
}

const ext = ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0'] as const;

const makers = {
  ext2: { mebibytes: 8, command: ['mkfs.ext2', ...ext], driver: 'ext4' },
  ext3: { mebibytes: 16, command: ['mkfs.ext3', ...ext], driver: 'ext4' },
  ext4: { mebibytes: 16, command: ['mkfs.ext4', ...ext], driver: 'ext4' },
  // As small as its own tests have it; by default a device of 300 MiB is needed.
  xfs: { mebibytes: 32, command: ['mkfs.xfs', '-q', '-f', '--unsupported'], driver: 'xfs' },
  btrfs: { mebibytes: 128, command: ['mkfs.btrfs', '-q', '-f'], driver: 'btrfs' },
  swap: { mebibytes: 1, command: ['mkswap'], driver: '' },
  ntfs: { mebibytes: 8, command: ['mkntfs', '-q', '-F', '-Q'], driver: 'fuseblk' },
} as const satisfies Record<string, Maker>;

/** Why the tests with these file systems cannot run here; empty when they can. */
export function whyNot(...fileSystems: readonly FileSystem[]): string {
  if (!hasLoop) return 'no loop devices, or not root';
  for (const name of fileSystems) {
    const { command, driver } = makers[name];
    if (!hasProgram(command[0])) return `${command[0]} is not installed`;
    if (!readFileSync('/proc/filesystems', 'utf8').includes(driver)) return `this kernel has no ${driver}`;
  }
  return '';
}

/** Says in one line why tests are skipped. */
export function announce(file: string, reason: string): boolean {
  if (reason !== '') console.warn(`${file}: tests are skipped: ${reason}`);
  return reason !== '';
}

export function hasProgram(name: string): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$0"', name], { stdio: 'ignore', env: environment });
    return true;
  } catch {
    return false;
  }
}

const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: 'C' };

/** Runs a program of the system; what it prints. */
export function run(program: string, ...words: string[]): string {
  return execFileSync(...apart(program, words), {
    encoding: 'utf8',
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** A folder for the running test; whatever is mounted or attached below it goes away with it. */
export async function stageFolder(): Promise<string> {
  const folder = await scratchFolder();
  onTestFinished(() => clear(folder));
  return folder;
}

/** Unmounts all below a folder and detaches the loop devices of its files. */
async function clear(folder: string): Promise<void> {
  // Devices first: of a file on a mount that is gone they no longer tell where it was.
  for (const device of loopsBelow(folder)) run('losetup', '--detach', device);
  for (const at of (await mountsBelow(folder)).reverse()) run('umount', '--lazy', at);
}

/** Loop devices that show files below a folder. */
export function loopsBelow(folder: string): string[] {
  const lines = run('losetup', '--list', '--noheadings', '--raw', '--output', 'NAME,BACK-FILE').split('\n');
  return lines.filter((line) => line.includes(` ${folder}/`)).map((line) => line.split(' ', 1)[0] ?? '');
}

/** Where file systems below a folder are mounted. */
export async function mountsBelow(folder: string): Promise<string[]> {
  return (await readMounts()).map(({ at }) => at).filter((at) => at.startsWith(`${folder}/`));
}

/** Makes an image that holds one file system, with the file `hello` in it where it takes files. */
export async function makeImage(path: string, fileSystem: FileSystem): Promise<void> {
  const { mebibytes, command } = makers[fileSystem];
  await writeFile(path, '');
  await truncate(path, mebibytes * mebibyte);
  const [program, ...words] = command;
  run(program, ...words, path);
  if (fileSystem !== 'swap' && fileSystem !== 'ntfs')
    await withMounted(path, (at) => writeFile(join(at, 'hello'), fileSystem));
}

/**
 * Copies an image while it is mounted and a file was just made: its journal holds what the rest does not know yet. Should
 * somebody sync the whole machine meanwhile it is made once more.
 */
export async function makeDirtyImage(path: string, fileSystem: 'ext3' | 'ext4' | 'xfs' | 'btrfs'): Promise<void> {
  const original = `${path}.original`;
  await makeImage(original, fileSystem);
  for (let attempt = 1; attempt <= 5; attempt++) {
    await withMounted(original, async (at) => {
      await writeDurably(join(at, 'late'), 'late');
      await copyFile(original, path);
    });
    if (await isDirty(path)) return;
  }
  throw new Error(`${fileSystem}: the journal is empty again and again`);
}

/** Whether the journal must be replayed: then a device that cannot be written cannot be mounted just so. */
async function isDirty(image: string): Promise<boolean> {
  return withMounted(image, async () => false, '--read-only').catch(() => true);
}

async function withMounted<Result>(
  image: string,
  action: (at: string) => Promise<Result>,
  ...options: readonly string[]
): Promise<Result> {
  const at = await mkdtemp(`${image}.`);
  const device = run('losetup', '--find', '--show', ...options, image).trim();
  try {
    run('mount', ...options, device, at);
    try {
      return await action(at);
    } finally {
      run('umount', at);
    }
  } finally {
    run('losetup', '--detach', device);
    await rmdir(at);
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w');
  await file.writeFile(text);
  await file.sync();
  await file.close();
}

/** Makes a disk with a partition table and these images in its partitions, of which null is an empty one. */
export async function makeDisk(path: string, label: 'gpt' | 'dos', images: readonly (string | null)[]): Promise<void> {
  const contents = await Promise.all(
    images.map(async (image) => (image === null ? Buffer.alloc(mebibyte) : readFile(image))),
  );
  let end = mebibyte;
  const starts = contents.map((content) => {
    const start = end;
    end += content.length;
    return start;
  });
  await writeFile(path, '');
  await truncate(path, end + mebibyte);
  const lines = contents.map((content, n) => `start=${(starts[n] ?? 0) / 512}, size=${content.length / 512}`);
  execFileSync('sfdisk', ['--quiet', path], { input: [`label: ${label}`, ...lines, ''].join('\n'), env: environment });
  const file = await open(path, 'r+');
  for (const [n, content] of contents.entries()) await writeSparsely(file, content, starts[n] ?? 0);
  await file.close();
}

async function writeSparsely(file: Awaited<ReturnType<typeof open>>, content: Buffer, start: number): Promise<void> {
  const zeros = Buffer.alloc(mebibyte);
  for (let at = 0; at < content.length; at += mebibyte) {
    const piece = content.subarray(at, at + mebibyte);
    if (!piece.equals(zeros.subarray(0, piece.length))) await file.write(piece, 0, piece.length, start + at);
  }
}

/** What tells whether a single byte of a file has changed. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}
