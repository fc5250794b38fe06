/** The metadata region of a VHDX: [MS-VHDX] 2.6. A table of items, and from 64 KiB on the items. */
import { type Guid, guidBytes } from './guid.ts';
import type { LayoutBuilder } from './layout-builder.ts';
import type { Geometry } from './vhdx-bat.ts';
import { metadataRegion } from './vhdx-headers.ts';

const itemsAt = 64 * 1024;
/** What Hyper-V says of the disks it makes; also right for one with physical sectors of 512 bytes. */
const physicalSectorSize = 4096;

const hasParent = 2;
const ofFile = 4;
const ofDisk = 6;

interface Item {
  readonly id: Guid;
  /** Every reader must know all of these; those of the disk go from a parent to its children unchanged. */
  readonly flags: typeof ofFile | typeof ofDisk;
  readonly bytes: Buffer;
}

export interface Metadata {
  readonly geometry: Geometry;
  /** Identifies the disk to SCSI; a differencing file has that of its parent ([MS-VHDX] 2.6.1.2). */
  readonly diskId: Guid;
  /** Only in a differencing file. */
  readonly parent: ParentLocator | null;
}

export interface ParentLocator {
  /** The parent's data write GUID. */
  readonly dataWrite: Guid;
  /** From the folder of the file, with backslashes. */
  readonly relativePath: string;
}

/** The metadata region; the file ends before it. */
export function addMetadata(file: LayoutBuilder, { geometry, diskId, parent }: Metadata): void {
  const items: Item[] = [
    { id: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b', flags: ofFile, bytes: fileParameters(geometry, parent !== null) },
    { id: '2fa54224-cd1b-4876-b211-5dbed83bf4b8', flags: ofDisk, bytes: u64(geometry.virtualSize) },
    { id: '8141bf1d-a96f-4709-ba47-f233a8faab5f', flags: ofDisk, bytes: u32(geometry.sectorSize) },
    { id: 'cda348c7-445d-4471-9cc9-e9885251c556', flags: ofDisk, bytes: u32(physicalSectorSize) },
    { id: 'beca12ab-b2e6-4523-93ef-c309e000c746', flags: ofDisk, bytes: guidBytes(diskId) },
  ];
  if (parent !== null) {
    items.push({ id: 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c', flags: ofFile, bytes: parentLocator(parent) });
  }
  file.literal(itemTable(items));
  file.zerosTo(metadataRegion.at + itemsAt);
  file.literal(Buffer.concat(items.map(({ bytes }) => bytes)));
  file.zerosTo(metadataRegion.at + metadataRegion.size);
}

/** [MS-VHDX] 2.6.1. */
function itemTable(items: readonly Item[]): Buffer {
  const table = Buffer.alloc(32 + 32 * items.length);
  table.write('metadata', 0, 'latin1');
  table.writeUInt16LE(items.length, 10);
  let place = itemsAt;
  for (const [n, { id, flags, bytes }] of items.entries()) {
    const entry = table.subarray(32 + 32 * n);
    guidBytes(id).copy(entry);
    entry.writeUInt32LE(place, 16);
    entry.writeUInt32LE(bytes.length, 20);
    entry.writeUInt32LE(flags, 24);
    place += bytes.length;
  }
  return table;
}

/** [MS-VHDX] 2.6.2.1. */
function fileParameters({ blockSize }: Geometry, isDifferencing: boolean): Buffer {
  return Buffer.concat([u32(blockSize), u32(isDifferencing ? hasParent : 0)]);
}

/**
 * [MS-VHDX] 2.6.2.6. Of the paths one is enough, and the relative one outlives that the files are moved together.
 * "parent_linkage2" must not be there, though Hyper-V writes it, as zeros.
 */
function parentLocator({ dataWrite, relativePath }: ParentLocator): Buffer {
  const texts = Object.entries({ parent_linkage: `{${dataWrite}}`, relative_path: relativePath }).map(
    ([key, value]) => ({ key: Buffer.from(key, 'utf16le'), value: Buffer.from(value, 'utf16le') }),
  );
  const head = Buffer.alloc(20 + 12 * texts.length);
  guidBytes('b04aefb7-d19e-4a81-b789-25b8e9445913').copy(head); // the parent is a VHDX
  head.writeUInt16LE(texts.length, 18);
  let place = head.length;
  for (const [n, { key, value }] of texts.entries()) {
    const entry = head.subarray(20 + 12 * n);
    entry.writeUInt32LE(place, 0);
    entry.writeUInt32LE(place + key.length, 4);
    entry.writeUInt16LE(key.length, 8);
    entry.writeUInt16LE(value.length, 10);
    place += key.length + value.length;
  }
  return Buffer.concat([head, ...texts.flatMap(({ key, value }) => [key, value])]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
