/** Real disk images to back up: ext4 with files in it, and changes made the way a file system makes them. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const run = promisify(execFile);
export const mib = 1024 ** 2;

/** Makes an ext4 image of `size` MiB, about a third of it files: half of them random, half of them text. */
export async function makeImage(path: string, size: number): Promise<void> {
  const tree = await mkdtemp(`${path}.tree-`);
  await mkdir(join(tree, 'etc'));
  for (let n = 0; n < size / 6; n++) {
    await writeFile(join(tree, `random-${n}`), randomBytes(mib));
    await writeFile(join(tree, 'etc', `text-${n}`), `line ${n} of a text that compresses well\n`.repeat(26_000));
  }
  const options = ['-E', 'lazy_itable_init=0,lazy_journal_init=0', '-d', tree, path, `${size}M`];
  await run('mkfs.ext4', ['-q', '-F', ...options]);
  await rm(tree, { recursive: true });
}

/** Adds a file to the file system of an image. */
export async function addFile(image: string, name: string, content: Uint8Array): Promise<void> {
  const file = `${image}.${name}`;
  await writeFile(file, content);
  await run('debugfs', ['-w', '-R', `write ${file} ${name}`, image]);
  await rm(file);
}

/** Turns over all bits of one byte of a file. */
export async function flipByte(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = ~(byte[0] ?? 0) & 0xff;
    await file.write(byte, 0, 1, at);
  } finally {
    await file.close();
  }
}
