/** The boot sector of NTFS: sizes, and where the master file table (MFT) and the copy of its beginning are. */
import { demand } from '../distrust.ts';
import { Fields } from '../fields.ts';
import type { Volume } from '../volume.ts';

export interface Geometry {
  /** Bytes. */
  readonly clusterSize: number;
  readonly recordSize: number;
  readonly clusters: number;
  /** Clusters. */
  readonly mftAt: number;
  readonly mirrorAt: number;
}

export const magic = 'NTFS    ';
export const bootSectorLength = 512;
const largestCluster = 2 * 1024 * 1024;

export async function readGeometry(volume: Volume): Promise<Geometry> {
  const boot = new Fields(await volume.read(0, bootSectorLength), 'little', 'its boot sector');
  const sectorSize = boot.u16(11);
  demand(boot.u16(510) === 0xaa55 && isPowerOfTwo(sectorSize, 256, 4096), 'its boot sector is damaged');
  const clusterSize = sectorSize * countOf(boot.u8(13), 0x80);
  demand(isPowerOfTwo(clusterSize, sectorSize, largestCluster), `its clusters have ${clusterSize} bytes`);
  const sizeInRecords = signed(boot.u8(64));
  const recordSize = sizeInRecords > 0 ? sizeInRecords * clusterSize : 2 ** -sizeInRecords;
  demand(isPowerOfTwo(recordSize, 512, 65536), `its file records have ${recordSize} bytes`);
  const size = boot.u64(40) * sectorSize;
  demand(size <= volume.size, 'it is larger than its volume');
  const clusters = Math.floor(size / clusterSize);
  const [mftAt, mirrorAt] = [boot.u64(48), boot.u64(56)];
  demand(mftAt > 0 && mftAt < clusters && mirrorAt > 0 && mirrorAt < clusters, 'its file table lies outside');
  return { clusterSize, recordSize, clusters, mftAt, mirrorAt };
}

/** Above the greatest count that fits it is the negative of a power of two. */
function countOf(byte: number, greatest: number): number {
  return byte > greatest ? 2 ** -signed(byte) : byte;
}

function signed(byte: number): number {
  return byte < 0x80 ? byte : byte - 0x100;
}

function isPowerOfTwo(value: number, least: number, most: number): boolean {
  return value >= least && value <= most && Number.isInteger(Math.log2(value));
}
