/**
 * The proof of a map: a copy that has only what is in the map, and zeros everywhere else, must be the same file system, to
 * its own checker and file by file. That is what a restore gives.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { expect } from 'vitest';
import type { Extents } from '../../../../../src/backup/allocation/allocation.ts';
import { withImage } from '../volumes.ts';
import type { Kind } from './kinds.ts';

/** The extents of an image that its parser finds, proven. */
export async function provenMap(kind: Kind, image: string): Promise<Extents> {
  const before = kind.contents(image);
  const used = await usedOf(kind, image);
  const cut = `${image}.cut`;
  copyOnly(image, cut, used);
  kind.check(cut);
  expect(kind.contents(cut)).toEqual(before);
  rmSync(cut);
  return used;
}

/** Fails when the parser doesn't know. */
export async function usedOf({ parser }: Kind, image: string): Promise<Extents> {
  const allocation = await withImage(image, parser);
  if (allocation === null) throw new Error(`${image}: not its file system`);
  if ('unknown' in allocation) throw new Error(`${image}: ${allocation.unknown}`);
  return allocation.used;
}

/** Why the parser doesn't know; empty when it does. */
export async function reasonOf({ parser }: Kind, image: string): Promise<string> {
  const allocation = await withImage(image, parser);
  if (allocation === null) throw new Error(`${image}: not its file system`);
  return 'unknown' in allocation ? allocation.unknown : '';
}

/** Makes a file of the same size that has the bytes of these extents, and zeros elsewhere. */
export function copyOnly(from: string, to: string, extents: Extents): void {
  const [source, target] = [openSync(from, 'r'), openSync(to, 'w')];
  ftruncateSync(target, fstatSync(source).size);
  for (const [offset, length] of extents)
    for (let at = offset; at < offset + length; at += piece.length) {
      const count = Math.min(piece.length, offset + length - at);
      expect(readSync(source, piece, 0, count, at)).toBe(count);
      if (!piece.subarray(0, count).equals(zeros.subarray(0, count))) writeSync(target, piece, 0, count, at);
    }
  closeSync(source);
  closeSync(target);
}

/** Does something with an image open for reading and writing. */
export function change(image: string, work: (file: number) => void): void {
  const file = openSync(image, 'r+');
  try {
    work(file);
  } finally {
    closeSync(file);
  }
}

const piece = Buffer.alloc(1024 * 1024);
const zeros = Buffer.alloc(piece.length);
