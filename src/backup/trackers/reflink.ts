/**
 * The file that the newest point was read from is kept, and shares its blocks with the image until that is written to. So
 * where the next such file lies at the same places, nothing changed: blocks of files that share them are never written in
 * place, and none is freed as long as a file has it.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { reasonOf } from '../../errors.ts';
import { native } from '../../native.ts';
import type { Manifest } from '../../repository/manifest.ts';
import type { Taken } from '../snapshots/take.ts';
import { sameExtents } from './file-extents.ts';
import type { Changes, Kept, Tracker } from './tracker.ts';

export const reflinkTracker: Tracker = {
  name: 'reflink',

  async since({ tracking, blockSize, size: parentSize }: Manifest, { view }: Taken): Promise<Changes> {
    const kept = tracking?.kept;
    if (kept === undefined) return { unknown: 'no file was kept with the parent' };
    const before = await open(kept.path, 'r').catch((error: unknown) => reasonOf(error));
    if (typeof before === 'string') return { unknown: `the file kept with the parent cannot be read: ${before}` };
    try {
      const now = await open(view.input as string, 'r');
      try {
        return await compare(kept, before, now, blockSize, Math.min(parentSize, view.size ?? 0));
      } finally {
        await now.close();
      }
    } finally {
      await before.close();
    }
  },

  async keeps({ view }) {
    const path = view.input as string;
    const file = await open(path, 'r');
    try {
      return { path, generation: await generationOf(file) };
    } finally {
      await file.close();
    }
  },
};

async function compare(
  kept: Kept,
  before: FileHandle,
  now: FileHandle,
  blockSize: number,
  size: number,
): Promise<Changes> {
  if ((await generationOf(before)) !== kept.generation) return { unknown: 'the file kept with the parent was changed' };
  if ((await before.stat()).dev !== (await now.stat()).dev)
    return { unknown: 'the file kept with the parent lies elsewhere' };
  const [was, is] = [await native.fileExtents(before.fd), await native.fileExtents(now.fd)];
  return sameExtents(was, is, blockSize, size);
}

/** Whatever is done to a file changes the time of its last change. Numbers of devices do not survive a restart. */
async function generationOf(file: FileHandle): Promise<string> {
  const { ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
  return [ino, size, mtimeNs, ctimeNs].join(':');
}
