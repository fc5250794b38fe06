/**
 * The superblock of ext2, ext3 and ext4 (struct ext4_super_block of Linux): how the volume is divided, and whether its
 * maps can be trusted. It must have been left clean, and have no feature that is not known here.
 */
import { crc32c } from '../../../repository/crc32c.ts';
import { demand } from '../distrust.ts';
import { Fields } from '../fields.ts';
import type { Volume } from '../volume.ts';

const magic = 0xef53;
const clean = 1;
const crc32cType = 1;
/** Of a disk of 256 TiB in groups of the usual 128 MiB. */
const mostGroups = 2 ** 21;

/** The features that leave the maps as they are read here, by their bits. */
const known = {
  // All up to dir_index, sparse_super2, fast_commit, stable_inodes, orphan_file.
  compatible: 0x1e3f,
  // filetype, meta_bg, extents, 64bit, mmp, flex_bg, ea_inode, csum_seed, largedir, inline_data, encrypt, casefold.
  incompatible: 0x3e7d2,
  // All up to extra_isize, quota, bigalloc, metadata_csum, readonly, project, verity, orphan_present.
  readOnly: 0x1b77f,
};
const feature = {
  journal: 0x4,
  sparseSuper2: 0x200,
  recover: 0x4,
  metaGroups: 0x10,
  extents: 0x40,
  wide: 0x80,
  flexibleGroups: 0x200,
  seed: 0x2000,
  sparseSuper: 0x1,
  groupChecksums: 0x10,
  clusters: 0x200,
  metadataChecksums: 0x400,
};

export interface ExtLayout {
  readonly fileSystem: 'ext2' | 'ext3' | 'ext4';
  readonly blockSize: number;
  /** Blocks of the file system; the first ones that no group has are counted. */
  readonly blocks: number;
  readonly freeBlocks: number;
  /** 1 where a block is 1 KiB: the boot sector has block 0 for itself. */
  readonly firstBlock: number;
  readonly blocksPerGroup: number;
  /** What a bit of a bitmap stands for: more than one block with bigalloc. */
  readonly blocksPerCluster: number;
  readonly groups: number;
  readonly inodeSize: number;
  readonly inodesPerGroup: number;
  /** Block of the superblock, and how many descriptors of groups follow in a block. */
  readonly superblock: number;
  readonly descriptorSize: number;
  /** Descriptor blocks from this one on lie in the groups that they describe (meta_bg). */
  readonly firstMetaBlock: number;
  /** Blocks that each copy of the descriptors leaves for more of them. */
  readonly reservedBlocks: number;
  readonly flexibleGroups: boolean;
  /** Which groups have a copy of the superblock. */
  readonly hasSuperblock: (group: number) => boolean;
  /** How descriptors and bitmaps are checked; `seed` as crc32c takes it. */
  readonly checksums:
    | { readonly kind: 'none' }
    | { readonly kind: 'crc16' }
    | { readonly kind: 'crc32c'; readonly seed: number };
  readonly uuid: Buffer;
  /** Inode of the journal; 0 when there is none. */
  readonly journal: number;
}

/** The superblock where there is one. */
export async function findSuperblock({ size, read }: Volume): Promise<Fields | null> {
  if (size < 2048) return null;
  const fields = new Fields(await read(1024, 1024), 'little', 'superblock');
  return fields.u16(0x38) === magic ? fields : null;
}

export function extName(fields: Fields): ExtLayout['fileSystem'] {
  if ((fields.u32(0x60) & feature.extents) !== 0) return 'ext4';
  return (fields.u32(0x5c) & feature.journal) !== 0 ? 'ext3' : 'ext2';
}

/** Checks a superblock, and what follows from it. */
export function layoutOf(fields: Fields, size: number): ExtLayout {
  const [compatible, incompatible, readOnly] = checkedFeatures(fields);
  checkClean(fields);
  const has = (features: number, bit: number) => (features & bit) !== 0;
  const wide = has(incompatible, feature.wide);
  const high = (at: number) => (wide ? fields.u32(at) * 2 ** 32 : 0);

  demand(fields.u32(0x18) <= 6, 'superblock: the block size is not possible');
  const blockSize = 1024 << fields.u32(0x18);
  const hasClusters = has(readOnly, feature.clusters);
  const blocksPerCluster = hasClusters ? 2 ** (fields.u32(0x1c) - fields.u32(0x18)) : 1;
  demand(blocksPerCluster >= 1 && blocksPerCluster <= 2 ** 20, 'superblock: the cluster size is not possible');
  const [blocksPerGroup, clustersPerGroup] = [fields.u32(0x20), fields.u32(0x24)];
  const fits = blocksPerGroup === clustersPerGroup * blocksPerCluster && clustersPerGroup <= blockSize * 8;
  demand(blocksPerGroup > 0 && blocksPerGroup % 8 === 0 && fits, 'superblock: the size of a group is not possible');

  const blocks = fields.u32(0x4) + high(0x150);
  demand(blocks * blockSize <= size, `it is greater than its volume: ${blocks} blocks of ${blockSize} bytes`);
  const firstBlock = fields.u32(0x14);
  demand(firstBlock === (blockSize === 1024 && !hasClusters ? 1 : 0), 'superblock: the first block is not possible');
  const groups = Math.ceil((blocks - firstBlock) / blocksPerGroup);
  demand(groups >= 1 && groups <= mostGroups, `superblock: it has ${groups} groups`);

  const revision = fields.u32(0x4c);
  demand(revision <= 1, `superblock: revision ${revision} is not known`);
  const inodeSize = revision === 0 ? 128 : fields.u16(0x58);
  const inodesPerGroup = fields.u32(0x28);
  const inodesFit = inodesPerGroup <= blockSize * 8 && inodesPerGroup * groups === fields.u32(0x0);
  demand(inodesPerGroup > 0 && inodesFit, 'superblock: the number of inodes is not possible');
  demand(
    inodeSize >= 128 && inodeSize <= blockSize && isPowerOfTwo(inodeSize),
    'superblock: the inode size is not possible',
  );
  const descriptorSize = wide ? fields.u16(0xfe) : 32;
  const possible = descriptorSize >= (wide ? 64 : 32) && descriptorSize <= blockSize && isPowerOfTwo(descriptorSize);
  demand(possible, 'superblock: the size of a descriptor is not possible');
  return {
    fileSystem: extName(fields),
    blockSize,
    blocks,
    freeBlocks: fields.u32(0xc) + high(0x158),
    firstBlock,
    blocksPerGroup,
    blocksPerCluster,
    groups,
    inodeSize,
    inodesPerGroup,
    superblock: blockSize === 1024 ? 1 : 0,
    descriptorSize,
    firstMetaBlock: has(incompatible, feature.metaGroups) ? fields.u32(0x104) : Infinity,
    reservedBlocks: fields.u16(0xce),
    flexibleGroups: has(incompatible, feature.flexibleGroups),
    hasSuperblock: copiesOf(fields, has(compatible, feature.sparseSuper2), has(readOnly, feature.sparseSuper)),
    checksums: checksumsOf(fields, incompatible, readOnly),
    uuid: fields.slice(0x68, 16),
    journal: has(compatible, feature.journal) ? journalOf(fields) : 0,
  };
}

function checkedFeatures(fields: Fields): readonly [number, number, number] {
  const [compatible, incompatible, readOnly] = [fields.u32(0x5c), fields.u32(0x60), fields.u32(0x64)];
  demand((incompatible & feature.recover) === 0, 'it was not left clean: its journal is to be replayed');
  const unknown = [compatible & ~known.compatible, incompatible & ~known.incompatible, readOnly & ~known.readOnly].map(
    (bits) => (bits >>> 0).toString(16),
  );
  demand(unknown.join('') === '000', `it has features that are not known: ${unknown.join(', ')}`);
  return [compatible, incompatible, readOnly];
}

function checkClean(fields: Fields): void {
  const state = fields.u16(0x3a);
  demand((state & clean) !== 0, 'it was not left clean: it was not unmounted');
  demand(state === clean && fields.u32(0x194) === 0, 'errors were found in it: check it with e2fsck');
}

function journalOf(fields: Fields): number {
  const inode = fields.u32(0xe0);
  demand(inode !== 0 && fields.u32(0xe4) === 0, 'its journal is on another device');
  return inode;
}

function checksumsOf(fields: Fields, incompatible: number, readOnly: number): ExtLayout['checksums'] {
  if ((readOnly & feature.metadataChecksums) === 0) {
    return { kind: (readOnly & feature.groupChecksums) !== 0 ? 'crc16' : 'none' };
  }
  demand(fields.u8(0x175) === crc32cType, 'superblock: the kind of its checksums is not known');
  demand(rawCrc32c(~0, fields.slice(0, 0x3fc)) === fields.u32(0x3fc), 'superblock: its checksum is wrong');
  const seed = (incompatible & feature.seed) !== 0 ? fields.u32(0x270) : rawCrc32c(~0, fields.slice(0x68, 16));
  return { kind: 'crc32c', seed };
}

function copiesOf(fields: Fields, two: boolean, sparse: boolean): ExtLayout['hasSuperblock'] {
  if (two) {
    const copies = [fields.u32(0x24c), fields.u32(0x250)];
    return (group) => group === 0 || copies.includes(group);
  }
  if (!sparse) return () => true;
  return (group) => group <= 1 || [3, 5, 7].some((base) => isPowerOf(base, group));
}

/** CRC-32C as these file systems take it: without the inversions before and after. */
export function rawCrc32c(seed: number, bytes: Uint8Array): number {
  return ~crc32c(bytes, ~seed) >>> 0;
}

function isPowerOf(base: number, value: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}
