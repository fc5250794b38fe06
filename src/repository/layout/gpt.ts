/**
 * The GUID partition table: a header with a list of entries, both under a checksum, and a second copy at the end of the
 * disk. The bytes are nobody's promise: a copy counts when its checksums hold, and what lies outside the disk does not.
 */
import { crc32 } from 'node:zlib';
import type { Partition, ReadAt } from './partition.ts';

const sectorSizes = [512, 4096];
const magic = 'EFI PART';
const smallestHeader = 92;
const smallestEntry = 128;
const mostEntryBytes = 1024 * 1024;
const unused = '00000000-0000-0000-0000-000000000000';

/** The partitions of a disk with a GPT; null when neither copy of it is whole. */
export async function gptPartitions(read: ReadAt, size: number): Promise<Partition[] | null> {
  for (const sector of sectorSizes) {
    const last = Math.floor(size / sector) - 1;
    for (const at of [1, last]) {
      const entries = at >= 1 ? await readEntries(read, sector, at, size) : null;
      if (entries !== null) return entries;
    }
  }
  return null;
}

async function readEntries(read: ReadAt, sector: number, at: number, size: number): Promise<Partition[] | null> {
  const header = await read(at * sector, sector);
  const length = header.readUInt32LE(12);
  if (header.toString('latin1', 0, 8) !== magic || length < smallestHeader || length > sector) return null;
  const summed = Buffer.from(header.subarray(0, length));
  summed.writeUInt32LE(0, 16);
  if (crc32(summed) !== header.readUInt32LE(16) || header.readBigUInt64LE(24) !== BigInt(at)) return null;
  const start = Number(header.readBigUInt64LE(72)) * sector;
  const [count, entryLength] = [header.readUInt32LE(80), header.readUInt32LE(84)];
  const bytes = count * entryLength;
  if (entryLength < smallestEntry || bytes > mostEntryBytes || start + bytes > size) return null;
  const list = await read(start, bytes);
  if (crc32(list) !== header.readUInt32LE(88)) return null;
  const partitions: Partition[] = [];
  for (let n = 0; n < count; n++) {
    const partition = partitionOf(n + 1, list.subarray(n * entryLength, (n + 1) * entryLength), sector);
    if (partition !== null && partition.offset + partition.length <= size) partitions.push(partition);
  }
  return partitions;
}

function partitionOf(number: number, entry: Buffer, sector: number): Partition | null {
  const type = guidOf(entry);
  const [first, last] = [Number(entry.readBigUInt64LE(32)), Number(entry.readBigUInt64LE(40))];
  if (type === unused || first < 1 || last < first) return null;
  const [name = ''] = entry.toString('utf16le', 56, 128).split('\0', 1);
  return { number, offset: first * sector, length: (last - first + 1) * sector, type, name: name.toWellFormed() };
}

/** A GUID is stored with its first three groups turned round. */
function guidOf(bytes: Buffer): string {
  const groups = [
    Buffer.from(bytes.subarray(0, 4)).reverse(),
    Buffer.from(bytes.subarray(4, 6)).reverse(),
    Buffer.from(bytes.subarray(6, 8)).reverse(),
    bytes.subarray(8, 10),
    bytes.subarray(10, 16),
  ];
  return groups.map((group) => group.toString('hex')).join('-');
}
