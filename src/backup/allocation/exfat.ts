/**
 * exFAT: what its allocation bitmap has as used. Of all that leads to the bitmap only the boot sectors carry a checksum; so
 * it is believed when the volume is not marked as dirty, and when it has the clusters of the root folder and its own ones
 * as used. The percentage in use is a hint and is not looked at.
 *
 * Microsoft, "exFAT file system specification".
 */
import type { AllocationParser, Extents } from './allocation.ts';
import { addSetBits } from './bitmap.ts';
import { Distrust, demand, unlessDistrusted } from './distrust.ts';
import { covers, extentsOf } from './extents.ts';
import { Fields } from './fields.ts';
import { UsedList } from './used-list.ts';
import type { Volume } from './volume.ts';

interface Geometry {
  /** Bytes. */
  readonly sectorSize: number;
  readonly clusterSize: number;
  readonly tableStart: number;
  readonly tableLength: number;
  readonly heapStart: number;
  readonly clusters: number;
  /** Cluster. */
  readonly root: number;
}

const magic = 'EXFAT   ';
const bootSectorLength = 512;
/** The last of these sectors is full of the checksum of the ones before. */
const bootSectors = 12;
/** Flags and percentage change all the time and are not summed. */
const notSummed = [106, 107, 112];
const volumeFlags = { secondTable: 0x1, dirty: 0x2, mediumFails: 0x4 };
const firstCluster = 2;
const endOfChain = 0xffffffff;
const entryLength = 32;
const bitmapEntry = 0x81;
const endOfFolder = 0x00;
/** By the specification. */
const largestFolder = 256 * 1024 * 1024;
const pieceOfBitmap = 1024 * 1024;

export const exfatAllocation: AllocationParser = async (volume) => {
  if (volume.size < bootSectorLength || (await volume.read(3, 8)).toString('latin1') !== magic) return null;
  return unlessDistrusted('exfat', () => usedExtents(volume));
};

async function usedExtents(volume: Volume): Promise<Extents> {
  const fs = await readGeometry(volume);
  const root = await chainFrom(volume, fs, fs.root, largestFolder);
  const bitmap = await findBitmap(volume, fs, root);
  const length = Math.ceil(fs.clusters / 8);
  // Some have made it longer than it needs to be.
  demand(bitmap.length >= length && bitmap.length <= length + fs.clusterSize, 'its bitmap is of another size');
  const places = await chainFrom(volume, fs, bitmap.first, bitmap.length);
  demand(places.length === Math.ceil(bitmap.length / fs.clusterSize), 'its bitmap has clusters of another length');
  const used = new UsedList();
  used.add(0, fs.heapStart);
  await addBitmap(volume, fs, places, used);
  const own = [...root, ...places].map((cluster) => [placeOf(fs, cluster), fs.clusterSize] as const);
  demand(covers(used.extents, extentsOf(own)), 'its bitmap has parts of its own tables as free');
  const end = fs.heapStart + fs.clusters * fs.clusterSize;
  used.add(end, volume.size - end);
  return used.extents;
}

async function readGeometry(volume: Volume): Promise<Geometry> {
  const boot = new Fields(await volume.read(0, bootSectorLength), 'little', 'its boot sector');
  const [sectorShift, clusterShift] = [boot.u8(108), boot.u8(109)];
  demand(sectorShift >= 9 && sectorShift <= 12 && sectorShift + clusterShift <= 25, 'its boot sector is damaged');
  const sectorSize = 2 ** sectorShift;
  requireChecksum(await volume.read(0, bootSectors * sectorSize), sectorSize);
  demand(boot.u16(510) === 0xaa55 && boot.u8(105) === 1, 'it is of a version not known here');
  demand(boot.u8(110) === 1 && (boot.u16(106) & volumeFlags.secondTable) === 0, 'it has two tables');
  demand((boot.u16(106) & volumeFlags.dirty) === 0, 'it is marked as dirty');
  demand((boot.u16(106) & volumeFlags.mediumFails) === 0, 'it is marked as having failed');
  const size = boot.u64(72) * sectorSize;
  demand(size <= volume.size, 'it is larger than its volume');
  const clusterSize = sectorSize * 2 ** clusterShift;
  const [tableStart, tableLength] = [boot.u32(80) * sectorSize, boot.u32(84) * sectorSize];
  const [heapStart, clusters, root] = [boot.u32(88) * sectorSize, boot.u32(92), boot.u32(96)];
  demand(
    tableStart >= 2 * bootSectors * sectorSize &&
      tableStart + tableLength <= heapStart &&
      (clusters + firstCluster) * 4 <= tableLength &&
      heapStart + clusters * clusterSize <= size,
    'its boot sector is damaged',
  );
  return { sectorSize, clusterSize, tableStart, tableLength, heapStart, clusters, root };
}

function requireChecksum(sectors: Buffer, sectorSize: number): void {
  let sum = 0;
  const summed = (bootSectors - 1) * sectorSize;
  for (let at = 0; at < summed; at++)
    if (!notSummed.includes(at)) sum = (((sum << 31) | (sum >>> 1)) + (sectors[at] as number)) >>> 0;
  for (let at = summed; at < sectors.length; at += 4)
    if (sectors.readUInt32LE(at) !== sum) throw new Distrust('the checksum of its boot sectors is wrong');
}

/** The clusters of a chain, which must end before it has more than so many bytes. */
async function chainFrom(volume: Volume, fs: Geometry, first: number, mostBytes: number): Promise<number[]> {
  const most = Math.ceil(mostBytes / fs.clusterSize);
  const table = new TableReader(volume, fs);
  const chain: number[] = [];
  for (let cluster = first; cluster !== endOfChain; cluster = await table.next(cluster)) {
    demand(cluster >= firstCluster && cluster < fs.clusters + firstCluster, 'a chain of clusters leaves the volume');
    chain.push(cluster);
    demand(chain.length <= most, 'a chain of clusters is too long');
  }
  return chain;
}

/** Entries of the table, read a page at a time: those of a chain lie side by side for the most part. */
class TableReader {
  private static readonly pageLength = 4096;
  private readonly volume: Volume;
  private readonly fs: Geometry;
  private at = -1;
  private page: Buffer = Buffer.alloc(0);

  constructor(volume: Volume, fs: Geometry) {
    this.volume = volume;
    this.fs = fs;
  }

  async next(cluster: number): Promise<number> {
    const { tableStart, tableLength } = this.fs;
    const within = (cluster * 4) % TableReader.pageLength;
    const at = cluster * 4 - within;
    if (at !== this.at) {
      this.page = await this.volume.read(tableStart + at, Math.min(TableReader.pageLength, tableLength - at));
      this.at = at;
    }
    return this.page.readUInt32LE(within);
  }
}

function placeOf(fs: Geometry, cluster: number): number {
  return fs.heapStart + (cluster - firstCluster) * fs.clusterSize;
}

/** The one entry of the root folder that tells where the bitmap is. */
async function findBitmap(volume: Volume, fs: Geometry, root: number[]): Promise<{ first: number; length: number }> {
  for (const cluster of root) {
    const entries = new Fields(await volume.read(placeOf(fs, cluster), fs.clusterSize), 'little', 'its root folder');
    for (let at = 0; at < entries.length; at += entryLength) {
      if (entries.u8(at) === endOfFolder) throw new Distrust('it has no bitmap');
      if (entries.u8(at) === bitmapEntry) return { first: entries.u32(at + 20), length: entries.u64(at + 24) };
    }
  }
  throw new Distrust('it has no bitmap');
}

async function addBitmap(volume: Volume, fs: Geometry, places: readonly number[], used: UsedList): Promise<void> {
  let first = 0;
  for (const cluster of places)
    for (let at = 0; at < fs.clusterSize && first < fs.clusters; at += pieceOfBitmap) {
      const bytes = await volume.read(placeOf(fs, cluster) + at, Math.min(pieceOfBitmap, fs.clusterSize - at));
      const count = Math.min(bytes.length * 8, fs.clusters - first);
      addSetBits({ bytes, count, unit: fs.clusterSize, offset: fs.heapStart + first * fs.clusterSize }, used);
      first += count;
    }
}
