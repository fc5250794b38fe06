/** The superblock of Btrfs: its trees' roots, and whether it has only what is known here. */
import { createHash } from 'node:crypto';
import { crc32c } from '../../../repository/crc32c.ts';
import { Distrust, demand } from '../distrust.ts';
import { Fields } from '../fields.ts';
import type { Volume } from '../volume.ts';

export interface Superblock {
  /** Of tree blocks; not that of the file system when it was changed later. */
  readonly uuid: Buffer;
  readonly generation: number;
  readonly root: Root;
  readonly chunkRoot: Root;
  /** Of the trees that hold what was synchronised since the last commit; null when there is nothing. */
  readonly logRoot: Root | null;
  readonly bytesUsed: number;
  readonly deviceId: number;
  /** Bytes of the device that are the file system's. */
  readonly deviceSize: number;
  readonly nodeSize: number;
  readonly sectorSize: number;
  readonly hasGroupTree: boolean;
  /** Checks the sum at the start of a structure over what follows its 32 bytes. */
  readonly isWhole: (bytes: Buffer) => boolean;
  /** The chunks that the chunk tree itself lies in. */
  readonly systemChunks: Fields;
}

/** Where a tree begins: a logical address, and what the block there must say of itself. */
export interface Root {
  readonly address: number;
  readonly generation: number;
  readonly level: number;
}

export const superblockAt = 0x10000;
export const superblockLength = 4096;
/** Where copies of it lie, as far as the device reaches. */
export const mirrors = [0x10000, 0x4000000, 0x4000000000];
export const magic = '_BHRfS_M';
export const sumLength = 32;

const written = 0x1n;
const incompatible = {
  metadataUuid: 0x400n,
  /** All but RAID 5 and 6, three and four copies, zones, version 2 of the extent tree, stripes of their own, remapping. */
  known: 0x1n | 0x2n | 0x4n | 0x8n | 0x10n | 0x20n | 0x40n | 0x100n | 0x200n | 0x400n | 0x10000n,
};
const readOnlyCompatible = { groupTree: 0x8n, known: 0x1n | 0x2n | 0x4n | 0x8n };
const systemChunksAt = 811;
const mostSystemChunks = 2048;
const highestLevel = 7;

const sums: Record<number, (bytes: Buffer) => boolean> = {
  0: (bytes) => crc32c(bytes.subarray(sumLength)) === bytes.readUInt32LE(0),
  2: (bytes) => createHash('sha256').update(bytes.subarray(sumLength)).digest().equals(bytes.subarray(0, sumLength)),
};

/** Distrusts what is damaged, of several devices, or of a kind not known here. */
export async function readSuperblock(volume: Volume): Promise<Superblock> {
  const fields = new Fields(await volume.read(superblockAt, superblockLength), 'little', 'its superblock');
  const isWhole = sums[fields.u16(196)];
  if (isWhole === undefined) throw new Distrust(`its checksums are of kind ${fields.u16(196)}, not known here`);
  demand(isWhole(fields.bytes), 'the checksum of its superblock is wrong');
  demand(fields.u64(48) === superblockAt, 'its superblock belongs elsewhere');
  demand(fields.big(56) === written, `it is not in a usual state (flags ${fields.big(56).toString(16)})`);
  demand(fields.u64(136) === 1, `it is made of ${fields.u64(136)} devices`);
  const features = requireKnown(fields);
  const [sectorSize, nodeSize] = [fields.u32(144), fields.u32(148)];
  demand(isPowerOfTwo(sectorSize, 512, 65536), `its sectors have ${sectorSize} bytes`);
  demand(isPowerOfTwo(nodeSize, sectorSize, 65536), `its nodes have ${nodeSize} bytes`);
  const deviceSize = fields.u64(209);
  demand(deviceSize <= volume.size, 'it is larger than its volume');
  const generation = fields.u64(72);
  const log = fields.u64(96);
  return {
    uuid: features.metadataUuid ? fields.slice(571, 16) : fields.slice(32, 16),
    generation,
    root: rootOf(fields.u64(80), generation, fields.u8(198)),
    chunkRoot: rootOf(fields.u64(88), fields.u64(164), fields.u8(199)),
    logRoot: log === 0 ? null : rootOf(log, generation + 1, fields.u8(200)),
    bytesUsed: fields.u64(120),
    deviceId: fields.u64(201),
    deviceSize,
    nodeSize,
    sectorSize,
    hasGroupTree: features.groupTree,
    isWhole,
    systemChunks: fields.part(systemChunksAt, Math.min(fields.u32(160), mostSystemChunks), 'its system chunks'),
  };
}

function requireKnown(fields: Fields): { metadataUuid: boolean; groupTree: boolean } {
  const [readOnly, other] = [fields.big(180), fields.big(188)];
  demand((other & ~incompatible.known) === 0n, `it has features not known here (incompatible 0x${other.toString(16)})`);
  demand(
    (readOnly & ~readOnlyCompatible.known) === 0n,
    `it has features not known here (read-only 0x${readOnly.toString(16)})`,
  );
  return {
    metadataUuid: (other & incompatible.metadataUuid) !== 0n,
    groupTree: (readOnly & readOnlyCompatible.groupTree) !== 0n,
  };
}

export function rootOf(address: number, generation: number, level: number): Root {
  demand(level <= highestLevel, `a tree has ${level} levels`);
  return { address, generation, level };
}

function isPowerOfTwo(value: number, least: number, most: number): boolean {
  return value >= least && value <= most && (value & (value - 1)) === 0;
}
