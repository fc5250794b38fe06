import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';

export const block = 65536;

/** Writes an image block by block: `r` random, `t` text that compresses, `z` written zeros, `.` a hole. */
export async function writeImage(path: string, shape: string, tail = 0): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (const [at, kind] of [...shape].entries()) await writeBlock(file, at, kind);
    await file.truncate(shape.length * block - tail);
  } finally {
    await file.close();
  }
}

/** Overwrites some blocks of an image with random bytes. */
export async function changeBlocks(path: string, ...blocks: number[]): Promise<void> {
  const file = await open(path, 'r+');
  try {
    for (const at of blocks) await writeBlock(file, at, 'r');
  } finally {
    await file.close();
  }
}

/** What tells two images apart. */
export async function hashOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

async function writeBlock(file: FileHandle, at: number, kind: string): Promise<void> {
  if (kind === 'r') await file.write(randomBytes(block), 0, block, at * block);
  if (kind === 't') await file.write(Buffer.alloc(block, `block ${at} of text `), 0, block, at * block);
  if (kind === 'z') await file.write(Buffer.alloc(block), 0, block, at * block);
}
