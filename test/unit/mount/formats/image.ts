/** Reads a layout as the image file that it describes, and writes it out: what native does, plainly. */
import { open } from 'node:fs/promises';
import type { Layout, Segment } from '../../../../src/mount/formats/segment.ts';
import { mib, pairs, type TestDisk } from './disks.ts';

export interface Image {
  readonly size: number;
  readonly read: (offset: number, length: number) => Buffer;
}

export function lengthOf(segment: Segment): number {
  return segment.kind === 'literal' ? segment.bytes.length : segment.length;
}

/** Any part of the image; reading past its end is an error. */
export function imageOf(layout: Layout, disk: TestDisk): Image {
  const starts = new Float64Array(layout.segments.length);
  let size = 0;
  for (const [n, segment] of layout.segments.entries()) {
    starts[n] = size;
    size += lengthOf(segment);
  }
  const read = (offset: number, length: number): Buffer => {
    if (offset + length > size) throw new Error(`${offset}+${length} is past the end of the image, ${size}`);
    const bytes = Buffer.alloc(length);
    for (let n = segmentAt(starts, offset); n < starts.length; n++) {
      const start = starts[n] as number;
      const segment = layout.segments[n] as Segment;
      const from = Math.max(start, offset);
      const to = Math.min(start + lengthOf(segment), offset + length);
      if (from >= to) break;
      if (segment.kind === 'literal') bytes.set(segment.bytes.subarray(from - start, to - start), from - offset);
      if (segment.kind === 'disk') disk.read(segment.offset + from - start, to - from).copy(bytes, from - offset);
    }
    return bytes;
  };
  return { size, read };
}

/** Writes the image as a sparse file. */
export async function writeImage(path: string, layout: Layout, disk: TestDisk): Promise<void> {
  const file = await open(path, 'w');
  try {
    let at = 0;
    for (const segment of layout.segments) {
      if (segment.kind === 'literal') await file.write(segment.bytes, 0, null, at);
      if (segment.kind === 'disk') {
        for (const [offset, length] of pairs(disk.point.data)) {
          const end = Math.min(offset + length, segment.offset + segment.length);
          for (let from = Math.max(offset, segment.offset); from < end; from += mib) {
            await file.write(disk.read(from, Math.min(mib, end - from)), 0, null, at + from - segment.offset);
          }
        }
      }
      at += lengthOf(segment);
    }
    await file.truncate(layout.size);
  } finally {
    await file.close();
  }
}

/** The last segment that begins at `offset` or before. */
function segmentAt(starts: Float64Array, offset: number): number {
  let low = 0;
  let high = starts.length;
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] as number) <= offset) low = middle;
    else high = middle;
  }
  return low;
}
