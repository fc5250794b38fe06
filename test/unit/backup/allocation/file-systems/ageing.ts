/** Files come and go: what makes a file system old, and what tells whether all of them are still the same. */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import type { Random } from '../../../../model/random.ts';

/** Digests by path; of a folder the empty text. */
export type Contents = Record<string, string>;

export function contentsOf(folder: string): Contents {
  const contents: Contents = {};
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    contents[relative(folder, path)] = entry.isFile() ? digest(readFileSync(path)) : '';
  }
  return contents;
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Changes a folder in so many steps, clones among them where the file system can; a full disk ends it. */
export function ageFolder(folder: string, random: Random, steps: number): void {
  const files: string[] = [];
  let folders = [folder];
  try {
    for (let step = 0; step < steps; step++) {
      const file = random.one(files);
      const choice = random.below(20);
      if (choice === 0 && folders.length < 30) {
        const made = join(random.one(folders) ?? folder, `folder${step}`);
        mkdirSync(made);
        folders = [...folders, made];
      } else if (file === undefined || choice < 11) {
        const path = join(random.one(folders) ?? folder, `file${step}`);
        files.push(path);
        writeFileSync(path, content(random));
      } else if (choice < 15) {
        rmSync(file);
        files.splice(files.indexOf(file), 1);
      } else {
        change(file, random, choice, files);
      }
    }
    for (const file of files) if (random.chance(0.3)) rmSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

function change(file: string, random: Random, choice: number, files: string[]): void {
  if (choice === 15) truncateSync(file, random.below(statSync(file).size + 1));
  else if (choice === 16) appendFileSync(file, content(random));
  else if (choice === 17) overwrite(file, random);
  else if (choice === 18) {
    const clone = `${file}c`;
    if (!files.includes(clone)) files.push(clone);
    copyFileSync(file, clone, constants.COPYFILE_FICLONE);
  } else {
    const name = `${file}r`;
    if (files.includes(name)) return;
    renameSync(file, name);
    files[files.indexOf(file)] = name;
  }
}

/** Leaves a hole before it now and then, and makes it durable. */
function overwrite(file: string, random: Random): void {
  const open = openSync(file, 'r+');
  try {
    const { size } = statSync(file);
    writeSync(open, content(random), 0, undefined, random.below(size + 1_000_000));
    if (random.chance(0.3)) ftruncateSync(open, size);
    fsyncSync(open);
  } finally {
    closeSync(open);
  }
}

/** Mostly small; no sector of it is zeros, which is what free space reads as. */
export function content(random: Random): Buffer {
  const length = random.below(10) < 8 ? random.below(40_000) : random.below(900_000);
  const bytes = Buffer.alloc(length + 1, `content ${random.below(1e9)} `);
  for (let at = 0; at + 4 <= bytes.length; at += 512) bytes.writeUInt32LE(random.below(0xffffffff), at);
  return bytes;
}
