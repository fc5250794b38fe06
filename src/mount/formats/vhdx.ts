/**
 * A dynamic VHDX: [MS-VHDX]. Headers, an empty log, metadata, the block allocation table, then the payload blocks that
 * hold any data, in the order of the disk.
 *
 * All other blocks are PAYLOAD_BLOCK_ZERO, not PAYLOAD_BLOCK_NOT_PRESENT: of the latter a dynamic file says nothing
 * (2.5.1.1: "can contain arbitrary data"). Hyper-V, qemu and libvhdi read zeros from either, Hyper-V only when the
 * entry's place is 0.
 */
import { piecesOf } from './extents.ts';
import { type DiskShape, type Format, tebibyte } from './format.ts';
import { type Guid, makeGuid } from './guid.ts';
import { LayoutBuilder } from './layout-builder.ts';
import type { Layout, PointDisk } from './segment.ts';
import { BlockAllocationTable, blockState, geometryOf } from './vhdx-bat.ts';
import { addHeaders, batRegion, type Identity } from './vhdx-headers.ts';
import { addMetadata, type Metadata } from './vhdx-metadata.ts';

export const vhdx: Format = { fileName: 'disk.vhdx', sizeOf: null, whyNot: whyNoVhdx, layout };

const largest = 64 * tebibyte;

export function whyNoVhdx({ size }: DiskShape): string | null {
  return size > largest ? 'it has more than 64 TiB' : null;
}

function layout(disk: PointDisk): Layout {
  const geometry = geometryOf(disk);
  const { blockSize, blocks } = geometry;
  const present = piecesOf(disk.data, blockSize, geometry.virtualSize);
  const bat = new BlockAllocationTable(geometry, false);
  for (let block = 0; block < blocks; block++) bat.setPayload(block, blockState.zero);
  let place = batRegion.at + bat.bytes.length;
  for (const { from, to } of present) {
    for (let block = from; block < to; block++, place += blockSize) bat.setPayload(block, blockState.present, place);
  }
  const identity = { fileWrite: makeGuid(disk.id, 'vhdx file'), dataWrite: dataWriteGuid(disk.id) };
  const file = startFile(identity, { geometry, diskId: diskGuid(disk.id), parent: null }, bat);
  for (const { from, to } of present) file.disk(from * blockSize, (to - from) * blockSize);
  return file.finish();
}

/** All of a file that comes before its blocks. */
export function startFile(identity: Identity, metadata: Metadata, bat: BlockAllocationTable): LayoutBuilder {
  const file = new LayoutBuilder();
  addHeaders(file, identity, bat.bytes.length);
  addMetadata(file, metadata);
  file.table(bat.bytes);
  return file;
}

/** The same in every VHDX of a point, since all have the same content: a child knows any of them as its parent. */
export function dataWriteGuid(pointId: string): Guid {
  return makeGuid(pointId, 'vhdx data');
}

export function diskGuid(pointId: string): Guid {
  return makeGuid(pointId, 'vhdx disk');
}
