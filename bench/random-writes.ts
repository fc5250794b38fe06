/** Changes a disk image as a busy machine does: 4 KiB here and there, inside what is in use, opening no holes. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { constants as zlib, zstdCompressSync } from 'node:zlib';
import { diskImage } from './disk-image.ts';
import { run } from './measure.ts';
import { randomBytesFrom } from './random.ts';

const page = 4096;

interface Range {
  readonly start: number;
  readonly length: number;
}

function dataRanges(work: string): readonly Range[] {
  const map = JSON.parse(run(work, 'qemu-img map -f raw --output=json disk.img')) as (Range & { data: boolean })[];
  return map.filter((range) => range.data);
}

/** Bytes of the image that are no hole. */
export function usedBytes(work: string): number {
  return dataRanges(work).reduce((sum, range) => sum + range.length, 0);
}

/** Overwrites `share` of the used bytes with random content, in runs of `bytes` at random places; returns the places. */
export function writeRandomPages(work: string, share: number, seed: number, bytes: number = page): readonly number[] {
  const pages = dataRanges(work).flatMap(({ start, length }) =>
    Array.from({ length: Math.floor(length / bytes) }, (_, index) => start + index * bytes),
  );
  const random = randomBytesFrom(seed);
  const chosen = new Set<number>();
  while (chosen.size < Math.floor(pages.length * share)) {
    chosen.add(pages[random(4).readUInt32LE() % pages.length] ?? 0);
  }
  const fd = openSync(diskImage(work), 'r+');
  try {
    for (const offset of chosen) writeSync(fd, random(bytes), 0, bytes, offset);
  } finally {
    closeSync(fd);
  }
  return [...chosen].sort((a, b) => a - b);
}

/** What the blocks around `places` come to when each is compressed by itself: the least an incremental must store. */
export function compressedBlocks(work: string, places: readonly number[], blockSize: number): number {
  const blocks = new Set(places.map((place) => Math.floor(place / blockSize)));
  const block = Buffer.alloc(blockSize);
  const fd = openSync(diskImage(work), 'r');
  try {
    let total = 0;
    for (const index of blocks) {
      const length = readSync(fd, block, 0, blockSize, index * blockSize);
      const options = { params: { [zlib.ZSTD_c_compressionLevel]: 1 } };
      total += Math.min(length, zstdCompressSync(block.subarray(0, length), options).length);
    }
    return total;
  } finally {
    closeSync(fd);
  }
}
