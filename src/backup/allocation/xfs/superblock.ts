/** The superblock of XFS: where its allocation groups and its log lie, and whether it has only what is known here. */
import { crc32c } from '../../../repository/crc32c.ts';
import { demand } from '../distrust.ts';
import { Fields } from '../fields.ts';
import type { Volume } from '../volume.ts';

export interface Superblock {
  /** Version 5: every structure carries its checksum, its place and the UUID. */
  readonly checked: boolean;
  /** Bytes. */
  readonly blockSize: number;
  readonly sectorSize: number;
  /** Blocks of the file system, of each allocation group but the last, and how many groups there are. */
  readonly blocks: number;
  readonly groupBlocks: number;
  readonly groups: number;
  readonly freeBlocks: number;
  /** Bytes. */
  readonly logStart: number;
  readonly logLength: number;
  /** What the log is marked with, and what the structures are. */
  readonly uuid: Buffer;
  readonly structureUuid: Buffer;
}

export const magic = 'XFSB';

/** Of the incompatible features those that do not touch free space: file types, sparse inodes, another UUID, … */
const incompatible = { metaUuid: 0x4, needsRepair: 0x10, known: 0x1 | 0x2 | 0x4 | 0x8 | 0x20 | 0x40 | 0x80 };
/** Trees of free inodes, of owners and of reference counts, and counters of inode trees. */
const knownReadOnlyCompatible = 0x1 | 0x2 | 0x4 | 0x8;
const logAttributes = 0x1;
const sharedVersions = 0x200;

const longest = 32768;
const smallestGroup = 16 * 1024 * 1024;

/** Distrusts what is damaged, unfinished, or of a kind not known here. */
export async function readSuperblock(volume: Volume): Promise<Superblock> {
  const head = new Fields(await volume.read(0, 512), 'big', 'its superblock');
  const sectorSize = head.u16(102);
  const version = head.u16(100) & 0xf;
  demand(version === 4 || version === 5, `its version is ${version}`);
  demand(isPowerOfTwo(sectorSize, 512, longest), `its sectors have ${sectorSize} bytes`);
  const checked = version === 5;
  if (checked) requireKnown(new Fields(await volume.read(0, sectorSize), 'big', 'its superblock'));
  demand((head.u16(100) & sharedVersions) === 0, 'it has features not known here (shared)');
  demand(head.u8(126) === 0, 'it was not made completely');
  const found = geometryOf(head, checked);
  demand(found.blocks * found.blockSize <= volume.size, 'it is larger than its volume');
  return found;
}

function requireKnown(sector: Fields): void {
  const summed = Buffer.from(sector.bytes);
  const stored = summed.readUInt32LE(224);
  summed.writeUInt32LE(0, 224);
  demand(crc32c(summed) === stored, 'the checksum of its superblock is wrong');
  const features = sector.u32(216);
  demand((features & incompatible.needsRepair) === 0, 'it is marked as needing repair');
  demand((features & ~incompatible.known) === 0, `it has features not known here (incompatible ${hex(features)})`);
  const readOnly = sector.u32(212);
  demand((readOnly & ~knownReadOnlyCompatible) === 0, `it has features not known here (read-only ${hex(readOnly)})`);
  const log = sector.u32(220);
  demand((log & ~logAttributes) === 0, `its log has features not known here (${hex(log)})`);
}

function geometryOf(head: Fields, checked: boolean): Superblock {
  const blockSize = head.u32(4);
  const blocks = head.u64(8);
  const [groupBlocks, groups] = [head.u32(84), head.u32(88)];
  const groupShift = head.u8(124);
  demand(isPowerOfTwo(blockSize, 512, 65536), `its blocks have ${blockSize} bytes`);
  demand(groups > 0 && groupBlocks * blockSize >= smallestGroup, 'its allocation groups are smaller than they can be');
  demand(groupShift < 32 && groupBlocks <= 2 ** groupShift, 'its allocation groups are larger than they can be');
  demand(
    blocks <= groups * groupBlocks && blocks > (groups - 1) * groupBlocks,
    'its allocation groups are not its size',
  );
  demand(head.u64(16) === 0, 'it has a realtime device');
  const log = head.u64(48);
  demand(log !== 0, 'its log is on another device');
  const [group, block] = [Math.floor(log / 2 ** groupShift), log % 2 ** groupShift];
  const [logStart, logBlocks] = [group * groupBlocks + block, head.u32(96)];
  demand(block + logBlocks <= groupBlocks && logStart + logBlocks <= blocks, 'its log is not in an allocation group');
  const metaUuid = checked && (head.u32(216) & incompatible.metaUuid) !== 0;
  return {
    checked,
    blockSize,
    sectorSize: head.u16(102),
    blocks,
    groupBlocks,
    groups,
    freeBlocks: head.u64(144),
    logStart: logStart * blockSize,
    logLength: logBlocks * blockSize,
    uuid: head.slice(32, 16),
    structureUuid: metaUuid ? head.slice(248, 16) : head.slice(32, 16),
  };
}

function isPowerOfTwo(value: number, least: number, most: number): boolean {
  return value >= least && value <= most && (value & (value - 1)) === 0;
}

function hex(bits: number): string {
  return `0x${(bits >>> 0).toString(16)}`;
}
