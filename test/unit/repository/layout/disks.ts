import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { ReadAt } from '../../../../src/repository/layout/partition.ts';

export const linuxType = '0fc63daf-8483-4772-8e79-3d69d8477de4';

/** Reads from bytes in memory as from a disk. */
export function readFrom(disk: Uint8Array): ReadAt {
  return async (offset, length) => {
    const content = Buffer.alloc(length);
    content.set(disk.subarray(Math.min(offset, disk.length), Math.min(offset + length, disk.length)));
    return content;
  };
}

/** Writes one of the four entries of a boot sector; `first` and `count` in sectors. */
export function setMbrEntry(disk: Buffer, at: number, n: number, type: number, first: number, count: number): void {
  disk[at + 446 + n * 16 + 4] = type;
  disk.writeUInt32LE(first, at + 446 + n * 16 + 8);
  disk.writeUInt32LE(count, at + 446 + n * 16 + 12);
  disk.writeUInt16LE(0xaa55, at + 510);
}

/** A disk of 4 MiB with two primary partitions, an extended one and three logical ones in it. */
export function mbrDisk(): Buffer {
  const disk = Buffer.alloc(4 * 1024 * 1024);
  setMbrEntry(disk, 0, 0, 0x83, 64, 256);
  setMbrEntry(disk, 0, 1, 0x07, 512, 512);
  setMbrEntry(disk, 0, 2, 0x0f, 2048, 4096);
  const links = [2048, 3072, 4096];
  for (const [n, link] of links.entries()) {
    setMbrEntry(disk, link * 512, 0, 0x83, 64, 128);
    const next = links[n + 1];
    if (next !== undefined) setMbrEntry(disk, link * 512, 1, 0x05, next - 2048, 1024);
  }
  return disk;
}

/** A disk of 4 MiB with a GPT and two partitions of 1 MiB. */
export function gptDisk(sector = 512): Buffer {
  const disk = Buffer.alloc(4 * 1024 * 1024);
  const sectors = disk.length / sector;
  const mebibyte = 1024 * 1024;
  setMbrEntry(disk, 0, 0, 0xee, 1, sectors - 1);
  const list = Buffer.alloc(128 * 128);
  for (const [n, name] of ['root', 'größer 😀'].entries()) {
    const entry = list.subarray(n * 2 * 128, n * 2 * 128 + 128);
    writeGuid(entry, 0, linuxType);
    writeGuid(entry, 16, randomUUID());
    entry.writeBigUInt64LE(BigInt(((n + 1) * mebibyte) / sector), 32);
    entry.writeBigUInt64LE(BigInt(((n + 2) * mebibyte) / sector - 1), 40);
    entry.write(name, 56, 'utf16le');
  }
  const listSectors = list.length / sector;
  list.copy(disk, 2 * sector);
  list.copy(disk, disk.length - sector - list.length);
  writeGptHeader(disk, sector, { at: 1, other: sectors - 1, list: 2, sum: crc32(list) });
  writeGptHeader(disk, sector, { at: sectors - 1, other: 1, list: sectors - 1 - listSectors, sum: crc32(list) });
  return disk;
}

function writeGptHeader(
  disk: Buffer,
  sector: number,
  place: { at: number; other: number; list: number; sum: number },
): void {
  const header = disk.subarray(place.at * sector, place.at * sector + 92);
  header.write('EFI PART');
  header.writeUInt32LE(0x10000, 8);
  header.writeUInt32LE(92, 12);
  header.writeBigUInt64LE(BigInt(place.at), 24);
  header.writeBigUInt64LE(BigInt(place.other), 32);
  header.writeBigUInt64LE(BigInt(2 + 16384 / sector), 40);
  header.writeBigUInt64LE(BigInt(disk.length / sector - 2 - 16384 / sector), 48);
  writeGuid(header, 56, randomUUID());
  header.writeBigUInt64LE(BigInt(place.list), 72);
  header.writeUInt32LE(128, 80);
  header.writeUInt32LE(128, 84);
  header.writeUInt32LE(place.sum, 88);
  header.writeUInt32LE(crc32(header), 16);
}

function writeGuid(into: Buffer, at: number, guid: string): void {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  for (const [start, end] of [
    [0, 4],
    [4, 6],
    [6, 8],
  ] as const)
    bytes.subarray(start, end).reverse();
  bytes.copy(into, at);
}
