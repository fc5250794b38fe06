/**
 * How a VHDX divides its disk, and its block allocation table: [MS-VHDX] 2.4 and 2.5.
 *
 * A payload block holds a piece of the disk. A chunk is 2^23 sectors of the disk; in a differencing file each has a
 * sector bitmap block, one bit a sector. The table has an entry for each payload block, and after those of a chunk one
 * for its sector bitmap block; these stand in the table also when the file has no such blocks.
 */
import { type DiskShape, mebibyte, roundUp } from './format.ts';

/** A sector bitmap block is always this large. */
export const bitmapBlockSize = mebibyte;
const sectorsPerChunk = 8 * bitmapBlockSize;

const smallestBlock = 2 * mebibyte;
/** Blocks grow with the disk so that the table stays within 16 MiB and the entries of the bitmaps. */
const mostBlocks = 2 ** 21;

export interface Geometry {
  /** The disk's size in whole sectors. */
  readonly virtualSize: number;
  readonly sectorSize: number;
  readonly blockSize: number;
  /** Payload blocks of the disk. */
  readonly blocks: number;
  readonly chunks: number;
  /** Payload blocks of a chunk. */
  readonly chunkRatio: number;
}

export function geometryOf({ size, sectorSize }: DiskShape): Geometry {
  const virtualSize = roundUp(size, sectorSize);
  let blockSize = smallestBlock;
  while (virtualSize > blockSize * mostBlocks) blockSize *= 2;
  const blocks = Math.ceil(virtualSize / blockSize);
  const chunkRatio = (sectorsPerChunk * sectorSize) / blockSize;
  return { virtualSize, sectorSize, blockSize, blocks, chunkRatio, chunks: Math.ceil(blocks / chunkRatio) };
}

/** What a block is: [MS-VHDX] 2.5.1.1 and 2.5.1.2. */
export const blockState = {
  /** In a differencing file: see the parent. */
  notPresent: 0,
  /** All zeros. */
  zero: 2,
  /** In the file. */
  present: 6,
  /** In the file or in the parent, as the sector bitmap says. */
  partiallyPresent: 7,
} as const;

export type BlockState = (typeof blockState)[keyof typeof blockState];

export class BlockAllocationTable {
  /** The region, in whole mebibytes; all entries are "not present" at first. */
  readonly bytes: Buffer;
  readonly #chunkRatio: number;

  constructor({ blocks, chunks, chunkRatio }: Geometry, isDifferencing: boolean) {
    const entries = isDifferencing ? chunks * (chunkRatio + 1) : blocks + Math.floor((blocks - 1) / chunkRatio);
    this.bytes = Buffer.alloc(roundUp(entries * 8, mebibyte));
    this.#chunkRatio = chunkRatio;
  }

  /** The state of a payload block, and its place in the file if it is there. */
  setPayload(block: number, state: BlockState, place = 0): void {
    this.#set(block + Math.floor(block / this.#chunkRatio), state, place);
  }

  /** A sector bitmap block that lies at `place`. */
  setBitmap(chunk: number, place: number): void {
    this.#set(chunk * (this.#chunkRatio + 1) + this.#chunkRatio, blockState.present, place);
  }

  /** [MS-VHDX] 2.5.1: the state in 3 bits, 17 reserved bits, the place in mebibytes in 44 bits. */
  #set(entry: number, state: BlockState, place: number): void {
    this.bytes.writeUInt32LE(state + (place % 2 ** 32), entry * 8);
    this.bytes.writeUInt32LE(Math.floor(place / 2 ** 32), entry * 8 + 4);
  }
}
