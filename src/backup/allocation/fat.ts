/**
 * FAT12, FAT16 and FAT32: what the file allocation table has as used, bad clusters among it. The table carries no checksum;
 * it is believed when its copies are equal and the volume is not marked as dirty. The count of free clusters of FAT32 is a
 * hint that nobody has to keep, and is not looked at.
 *
 * Microsoft, "FAT File System Specification", 1.03.
 */
import type { AllocationParser, Extents } from './allocation.ts';
import { demand, unlessDistrusted } from './distrust.ts';
import { Fields } from './fields.ts';
import { UsedList } from './used-list.ts';
import type { Volume } from './volume.ts';

type Width = 12 | 16 | 32;

interface Geometry {
  readonly width: Width;
  readonly clusters: number;
  /** Bytes. */
  readonly clusterSize: number;
  readonly dataStart: number;
  readonly tableStart: number;
  readonly tableLength: number;
  readonly tables: number;
  readonly media: number;
}

const bootSectorLength = 512;
/** With fewer clusters it is a FAT12, with fewer a FAT16. */
const leastOf16 = 4085;
const leastOf32 = 65525;
const firstCluster = 2;
/** Bits of the second entry that are set while all is well: dismounted, no failed write. */
const well: Record<Width, number> = { 12: 0, 16: 0xc000, 32: 0x0c000000 };
/** Where the state is in the boot sector, and what tells that it is one. */
const stateAt: Record<Width, number> = { 12: 37, 16: 37, 32: 65 };
const dirty = 0x1;
const extendedSignatures = [0x28, 0x29];
/** A multiple of 3, for two entries of FAT12 are three bytes. */
const pieceOfTable = 3 * 1024 * 1024;

export const fatAllocation: AllocationParser = async (volume) => {
  if (volume.size < bootSectorLength) return null;
  const boot = new Fields(await volume.read(0, bootSectorLength), 'little', 'its boot sector');
  if (!isBootSector(boot)) return null;
  return unlessDistrusted('vfat', () => usedExtents(volume, boot));
};

/** Its name in the boot sector counts for nothing, by the specification: the fields must be those of a FAT. */
function isBootSector(boot: Fields): boolean {
  const startsWithJump = boot.u8(0) === 0xe9 || (boot.u8(0) === 0xeb && boot.u8(2) === 0x90);
  return (
    startsWithJump &&
    boot.u16(510) === 0xaa55 &&
    isPowerOfTwo(boot.u16(11), 512, 4096) &&
    isPowerOfTwo(boot.u8(13), 1, 128) &&
    boot.u16(14) > 0 &&
    boot.u8(16) >= 1 &&
    boot.u8(16) <= 2 &&
    (boot.u8(21) === 0xf0 || boot.u8(21) >= 0xf8)
  );
}

async function usedExtents(volume: Volume, boot: Fields): Promise<Extents> {
  const fs = geometryOf(boot, volume.size);
  const used = new UsedList();
  used.add(0, fs.dataStart);
  let first = 0;
  for (let at = 0; at < fs.tableLength; at += pieceOfTable) {
    const length = Math.min(pieceOfTable, fs.tableLength - at);
    const bytes = await readTables(volume, fs, at, length);
    const entries = entriesOf(bytes, fs.width);
    if (first === 0) requireClean(entries, fs);
    addUsed(entries, first, fs, used);
    first += entries.length;
  }
  const end = fs.dataStart + fs.clusters * fs.clusterSize;
  used.add(end, volume.size - end);
  return used.extents;
}

function geometryOf(boot: Fields, volumeSize: number): Geometry {
  const sector = boot.u16(11);
  const is32 = boot.u16(22) === 0;
  const sectors = boot.u16(19) === 0 ? boot.u32(32) : boot.u16(19);
  const tableLength = (is32 ? boot.u32(36) : boot.u16(22)) * sector;
  const tableStart = boot.u16(14) * sector;
  const tables = boot.u8(16);
  const dataStart = tableStart + tables * tableLength + Math.ceil((boot.u16(17) * 32) / sector) * sector;
  demand(tableLength > 0 && dataStart < sectors * sector, 'its boot sector is damaged');
  demand(sectors * sector <= volumeSize, 'it is larger than its volume');
  const clusterSize = boot.u8(13) * sector;
  const clusters = Math.floor((sectors * sector - dataStart) / clusterSize);
  demand(is32 || clusters < leastOf32, `it has too many clusters for a FAT16, ${clusters}`);
  demand(!is32 || (boot.u16(17) === 0 && boot.u16(42) === 0), 'it is of a FAT32 not known here');
  demand(!is32 || (boot.u16(40) & 0x80) === 0, 'its tables are not kept equal');
  const width = is32 ? 32 : clusters < leastOf16 ? 12 : 16;
  demand(Math.ceil(((clusters + firstCluster) * width) / 8) <= tableLength, 'its table is too short');
  requireNamed(boot, width);
  const signature = boot.u8(stateAt[width] + 1);
  const isDirty = extendedSignatures.includes(signature) && (boot.u8(stateAt[width]) & dirty) !== 0;
  demand(!isDirty, 'it is marked as dirty');
  return { width, clusters, clusterSize, dataStart, tableStart, tableLength, tables, media: boot.u8(21) };
}

/**
 * Its width follows from the number of clusters, whatever it is called. But some have made FAT16s with so few that they are
 * no more, and who made them reads them as such.
 */
function requireNamed(boot: Fields, width: Width): void {
  const name = /^FAT(12|16)/.exec(boot.text(54, 5))?.[1];
  demand(
    width === 32 || name === undefined || name === `${width}`,
    `it is called FAT${name}, and would be a FAT${width}`,
  );
}

/** A piece of the table, which must be the same in both. */
async function readTables(volume: Volume, fs: Geometry, at: number, length: number): Promise<Buffer> {
  const bytes = await volume.read(fs.tableStart + at, length);
  for (let n = 1; n < fs.tables; n++) {
    const copy = await volume.read(fs.tableStart + n * fs.tableLength + at, length);
    demand(bytes.equals(copy), 'its tables are not equal');
  }
  return bytes;
}

type Entries = Uint16Array | Uint32Array;

function entriesOf(bytes: Buffer, width: Width): Entries {
  if (width === 12) return entriesOf12(bytes);
  // A copy, for it must lie at a multiple of its entries.
  const aligned = new Uint8Array(bytes);
  return width === 16 ? new Uint16Array(aligned.buffer) : new Uint32Array(aligned.buffer);
}

function entriesOf12(bytes: Buffer): Entries {
  return Uint16Array.from({ length: Math.floor((bytes.length * 2) / 3) }, (_, n) => {
    const pair = bytes.readUInt16LE(Math.floor(n * 1.5));
    return n % 2 === 0 ? pair & 0xfff : pair >> 4;
  });
}

/** The first two entries are no clusters': the one repeats the kind of medium, the other has the marks. */
function requireClean(entries: Entries, { width, media }: Geometry): void {
  const [first = 0, second = 0] = entries;
  demand((first & 0xff) === media, 'its table does not begin as one');
  demand((second & well[width]) === well[width], 'it is marked as dirty, or as having failed');
}

/** Adds the clusters whose entries are not 0; of FAT32 the highest four bits of an entry do not count. */
function addUsed(entries: Entries, first: number, fs: Geometry, used: UsedList): void {
  const mask = fs.width === 32 ? 0x0fffffff : 0xffff;
  const end = Math.min(entries.length, fs.clusters + firstCluster - first);
  for (let n = Math.max(0, firstCluster - first); n < end; ) {
    const start = n;
    while (n < end && ((entries[n] as number) & mask) !== 0) n++;
    used.add(fs.dataStart + (first + start - firstCluster) * fs.clusterSize, (n - start) * fs.clusterSize);
    while (n < end && ((entries[n] as number) & mask) === 0) n++;
  }
}

function isPowerOfTwo(value: number, least: number, most: number): boolean {
  return value >= least && value <= most && (value & (value - 1)) === 0;
}
