/** Volumes for tests of allocation maps. */
import { open } from 'node:fs/promises';
import { type Volume, volumeOf } from '../../../../src/backup/allocation/volume.ts';

export function volumeOfBytes(bytes: Buffer): Volume {
  return volumeOf(bytes.length, async (offset, length) => bytes.subarray(offset, offset + length));
}

/** Does `work` with an image file as a volume. */
export async function withImage<Result>(path: string, work: (volume: Volume) => Promise<Result>): Promise<Result> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    return await work(
      volumeOf(size, async (offset, length) => {
        const bytes = Buffer.alloc(length);
        await file.read(bytes, 0, length, offset);
        return bytes;
      }),
    );
  } finally {
    await file.close();
  }
}
