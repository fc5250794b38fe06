/**
 * The header section of a VHDX, its first mebibyte ([MS-VHDX] 2.2), and the regions behind it, which the section's
 * region tables name. Each part begins at a multiple of 64 KiB, each region at a multiple of 1 MiB.
 */
import { crc32c } from '../../repository/crc32c.ts';
import { mebibyte } from './format.ts';
import { type Guid, guidBytes, zeroGuid } from './guid.ts';
import type { LayoutBuilder } from './layout-builder.ts';

const partSize = 64 * 1024;
const checksumAt = 4;

const log = { at: mebibyte, size: mebibyte };
/** Behind the log. */
export const metadataRegion = { id: '8b7ca206-4790-4b9a-b8fe-575f050f886e', at: 2 * mebibyte, size: mebibyte };
/** Behind the metadata; as large as it must be. */
export const batRegion = { id: '2dc27766-f623-4200-9d64-115e9bfd4a08', at: 3 * mebibyte };

export interface Identity {
  /** Changes with the file. */
  readonly fileWrite: Guid;
  /** Changes with the content of the disk; what a differencing file knows its parent by. */
  readonly dataWrite: Guid;
}

/** All of the file up to the metadata region. */
export function addHeaders(file: LayoutBuilder, identity: Identity, batSize: number): void {
  file.literal(fileIdentifier());
  // Both headers are valid; the one with the greater sequence number counts.
  for (const sequence of [1, 2]) {
    file.zerosTo(sequence * partSize);
    file.literal(header(identity, sequence));
  }
  const table = regionTable(batSize);
  for (const part of [3, 4]) {
    file.zerosTo(part * partSize);
    file.literal(table);
  }
  file.zerosTo(metadataRegion.at);
}

/** [MS-VHDX] 2.2.1: the signature and who made the file. */
function fileIdentifier(): Buffer {
  return Buffer.concat([Buffer.from('vhdxfile', 'latin1'), Buffer.from('Strata', 'utf16le')]);
}

/** [MS-VHDX] 2.2.2. A log GUID of zeros says that the log is empty: no reader needs to write to the file. */
function header(identity: Identity, sequence: number): Buffer {
  const bytes = Buffer.alloc(80);
  bytes.write('head', 0, 'latin1');
  bytes.writeBigUInt64LE(BigInt(sequence), 8);
  guidBytes(identity.fileWrite).copy(bytes, 16);
  guidBytes(identity.dataWrite).copy(bytes, 32);
  guidBytes(zeroGuid).copy(bytes, 48); // log
  bytes.writeUInt16LE(0, 64); // version of the log
  bytes.writeUInt16LE(1, 66); // version of the format
  bytes.writeUInt32LE(log.size, 68);
  bytes.writeBigUInt64LE(BigInt(log.at), 72);
  return withChecksum(bytes, 4096);
}

/** [MS-VHDX] 2.2.3. */
function regionTable(batSize: number): Buffer {
  const regions = [{ ...batRegion, size: batSize }, metadataRegion];
  const bytes = Buffer.alloc(16 + 32 * regions.length);
  bytes.write('regi', 0, 'latin1');
  bytes.writeUInt32LE(regions.length, 8);
  for (const [n, { id, at, size }] of regions.entries()) {
    const entry = bytes.subarray(16 + 32 * n);
    guidBytes(id).copy(entry);
    entry.writeBigUInt64LE(BigInt(at), 16);
    entry.writeUInt32LE(size, 24);
    entry.writeUInt32LE(1, 28); // required
  }
  return withChecksum(bytes, partSize);
}

/** Both structures carry a checksum over all of their `length` bytes, the zeros behind what they hold included. */
function withChecksum(bytes: Buffer, length: number): Buffer {
  bytes.writeUInt32LE(crc32c(Buffer.concat([bytes], length)), checksumAt);
  return bytes;
}
