/**
 * A differencing VHDX: what an incremental point changed, over the image of its parent point. [MS-VHDX] 2.4 and 2.5.
 *
 * A payload block that the changes touch is in the file, all others are the parent's. Where only some of a block
 * changed, the sector bitmap says which sectors are the file's; its other sectors are zero in the file and never read.
 *
 * The file has the sector bitmap of the whole disk, also where no block is partial: 1/4096 of the disk's size, nearly
 * all zeros. The specification allows it (2.5.1.2) and libvhdi needs it: it looks into the bitmap for blocks that are
 * the parent's, and takes the beginning of the file for a bitmap that isn't there (libyal/libvhdi#17). The bitmap
 * blocks lie one behind the other, so they are one bitmap, in which bit s, counted from the lowest, is sector s.
 *
 * What became zero is in the file as zeros: PAYLOAD_BLOCK_ZERO would be shorter, but libvhdi doesn't know it in a child and
 * reads what the bitmap says.
 */
import { rangesOf } from './extents.ts';
import { roundUp } from './format.ts';
import { makeGuid } from './guid.ts';
import type { LayoutBuilder } from './layout-builder.ts';
import type { Extents, Layout, PointDisk } from './segment.ts';
import { dataWriteGuid, diskGuid, startFile, whyNoVhdx } from './vhdx.ts';
import { BlockAllocationTable, bitmapBlockSize, blockState, type Geometry, geometryOf } from './vhdx-bat.ts';
import { batRegion } from './vhdx-headers.ts';

/** The image that a differencing one lies over. */
export interface ParentImage extends Pick<PointDisk, 'id' | 'size' | 'sectorSize'> {
  /** Id of the point whose image is the first of the chain: the parent's, unless its image is a differencing one too. */
  readonly baseId: string;
  /** From the folder of the child, with backslashes: `..\2026-11-20\disk.vhdx`. */
  readonly relativePath: string;
}

/**
 * Why there can be no differencing image, as `Format.whyNot` says it. A child takes over its parent's size and sectors
 * ([MS-VHDX] 2.6.1.2). Nothing says what a larger child reads behind its parent's end, and libvhdi fails there.
 */
export function whyNoDifferencing(disk: PointDisk, parent: ParentImage): string | null {
  if (disk.sectorSize !== parent.sectorSize) return `its sectors have ${disk.sectorSize} bytes, its parent's others`;
  if (geometryOf(disk).virtualSize !== geometryOf(parent).virtualSize) return 'its size is not that of its parent';
  return whyNoVhdx(disk);
}

/** The image of a disk over that of its parent; `changed` is all that its point names, be it data or zeros. */
export function differencingLayout(disk: PointDisk, changed: Extents, parent: ParentImage): Layout {
  const geometry = geometryOf(disk);
  const bat = new BlockAllocationTable(geometry, true);
  const bitmapAt = batRegion.at + bat.bytes.length;
  for (let chunk = 0; chunk < geometry.chunks; chunk++) bat.setBitmap(chunk, bitmapAt + chunk * bitmapBlockSize);
  setPayload(bat, changed, geometry, bitmapAt + geometry.chunks * bitmapBlockSize);

  const file = startFile(
    { fileWrite: makeGuid(disk.id, 'vhdx differencing file'), dataWrite: dataWriteGuid(disk.id) },
    {
      geometry,
      diskId: diskGuid(parent.baseId),
      parent: { dataWrite: dataWriteGuid(parent.id), relativePath: parent.relativePath },
    },
    bat,
  );
  addBitmap(file, changed, geometry);
  addPayload(file, changed, geometry);
  return file.finish();
}

/** Gives each block that the changes touch a place, one behind the other from `place` on. */
function setPayload(bat: BlockAllocationTable, changed: Extents, geometry: Geometry, place: number): void {
  const { blockSize, virtualSize } = geometry;
  let next = 0;
  for (const { from, to } of rangesOf(changed, virtualSize)) {
    const first = Math.max(Math.floor(from / blockSize), next);
    for (let block = first; block * blockSize < to; block++, place += blockSize) {
      const isWhole = from <= block * blockSize && to >= Math.min((block + 1) * blockSize, virtualSize);
      bat.setPayload(block, isWhole ? blockState.present : blockState.partiallyPresent, place);
    }
    next = Math.ceil(to / blockSize);
  }
}

/** A change begins at a multiple of 64 KiB, so also at a whole byte of the bitmap; it may end within one. */
function addBitmap(file: LayoutBuilder, changed: Extents, { virtualSize, sectorSize, chunks }: Geometry): void {
  const begin = file.size;
  const ones = onesByLength();
  for (const { from, to } of rangesOf(changed, virtualSize)) {
    const sectors = (to - from) / sectorSize;
    file.zerosTo(begin + from / sectorSize / 8);
    const end = file.size + Math.floor(sectors / 8);
    while (file.size < end) file.literal(ones(Math.min(end - file.size, bitmapBlockSize)));
    if (sectors % 8 !== 0) file.literal(Buffer.of(2 ** (sectors % 8) - 1));
  }
  file.zerosTo(begin + chunks * bitmapBlockSize);
}

/** Runs of set bits: all in the same memory, since there may be millions. */
function onesByLength(): (length: number) => Uint8Array {
  const all = Buffer.alloc(bitmapBlockSize, 0xff);
  const known = new Map<number, Uint8Array>();
  return (length) => {
    const run = known.get(length) ?? all.subarray(0, length);
    known.set(length, run);
    return run;
  };
}

/** The blocks that the changes touch, with the changes in them. */
function addPayload(file: LayoutBuilder, changed: Extents, { blockSize, virtualSize }: Geometry): void {
  let at = 0; // what of the disk comes next in the file
  let end = 0; // of the last block that is in the file
  for (const { from, to } of rangesOf(changed, virtualSize)) {
    const block = Math.floor(from / blockSize) * blockSize;
    if (block >= end) {
      file.zeros(end - at);
      at = block;
    }
    file.zeros(from - at);
    file.disk(from, to - from);
    at = to;
    end = roundUp(to, blockSize);
  }
  file.zeros(end - at);
}
