/**
 * Records of the log of XFS: a header, then operations, each with a head of 12 bytes. Of each block of operations the first
 * word is kept in the header, for in the log the block's cycle stands there.
 */
import { Fields } from '../fields.ts';

export const logBlock = 512;
const recordMagic = 0xfeedbabe;
const version2 = 2;
const littleEndian = 1;
/** So many bytes of operations have their first words kept in one block of the header. */
const bytesOfHeaderBlock = 32 * 1024;
const operationLength = 12;
const operationFlags = { start: 0x1, commit: 0x2, unmount: 0x20 };
const transactionMagic = 0x5452414e;
const bufferItem = 0x123c;

/** The round in which a block was written. */
export function cycleOf(blocks: Buffer, at: number): number {
  const word = blocks.readUInt32BE(at * logBlock);
  return word === recordMagic ? blocks.readUInt32BE(at * logBlock + 4) : word;
}

interface Operation {
  readonly flags: number;
  readonly content: Fields;
}

export class LogRecord {
  /** The first block, and the first one behind it. */
  readonly at: number;
  readonly end: number;
  private readonly header: Fields;
  private readonly operationBytes: Buffer;

  private constructor(at: number, end: number, header: Fields, operationBytes: Buffer) {
    this.at = at;
    this.end = end;
    this.header = header;
    this.operationBytes = operationBytes;
  }

  /** The record that begins with a block; null when none does, or not all of it is there. */
  static at(blocks: Buffer, at: number, uuid: Buffer): LogRecord | null {
    const header = new Fields(blocks.subarray(at * logBlock, (at + 1) * logBlock), 'big', 'a record of its log');
    if (header.u32(0) !== recordMagic || !header.slice(304, 16).equals(uuid)) return null;
    const most = header.u32(320);
    const headerBlocks = header.u32(8) === version2 ? Math.max(1, Math.ceil(most / bytesOfHeaderBlock)) : 1;
    const start = at + headerBlocks;
    const end = start + Math.ceil(header.u32(12) / logBlock);
    if (end === start || end * logBlock > blocks.length) return null;
    return new LogRecord(at, end, header, blocks.subarray(start * logBlock, end * logBlock));
  }

  /** The record that ends with the last of these blocks; null when the one that begins last does not. */
  static lastOf(blocks: Buffer, uuid: Buffer): LogRecord | null {
    for (let at = blocks.length / logBlock - 1; at >= 0; at--)
      if (blocks.readUInt32BE(at * logBlock) === recordMagic) {
        const record = LogRecord.at(blocks, at, uuid);
        return record !== null && record.end * logBlock === blocks.length ? record : null;
      }
    return null;
  }

  /** The oldest record that had to be replayed when this one was written: its cycle and its block in the ring. */
  get tail(): { cycle: number; block: number } {
    return { cycle: this.header.u32(24), block: this.header.u32(28) };
  }

  get isUnmount(): boolean {
    return this.header.u32(40) === 1 && (this.operationBytes.readUInt8(9) & operationFlags.unmount) !== 0;
  }

  /** Whether it is one whole transaction that changes the first sector of the volume and nothing else. */
  isSuperblock(sectorSize: number): boolean {
    if (this.header.u32(40) !== 5 || this.header.u32(300) !== littleEndian) return false;
    const [start, transaction, buffer, bytes, commit] = this.operations(5);
    if (transaction?.content.length !== 16 || (buffer?.content.length ?? 0) < 16) return false;
    return (
      start?.flags === operationFlags.start &&
      transaction.flags === 0 &&
      transaction.content.u32(0) === transactionMagic &&
      transaction.content.u32(12) === 2 &&
      buffer?.flags === 0 &&
      buffer.content.u16(0) === bufferItem &&
      buffer.content.u16(2) === 2 &&
      buffer.content.u16(6) === sectorSize / logBlock &&
      buffer.content.big(8) === 0n &&
      bytes?.flags === 0 &&
      commit?.flags === operationFlags.commit
    );
  }

  /** So many operations; they must fit one block of the header. */
  private operations(count: number): Operation[] {
    const bytes = new Fields(Buffer.from(this.operationBytes), 'little', 'a record of its log');
    for (let n = 0; n < bytes.length / logBlock; n++)
      bytes.bytes.writeUInt32BE(n < 64 ? this.header.u32(44 + n * 4) : 0, n * logBlock);
    const operations: Operation[] = [];
    for (let at = 0; operations.length < count; ) {
      const length = bytes.slice(at + 4, 4).readUInt32BE(0);
      operations.push({ flags: bytes.u8(at + 9), content: bytes.part(at + operationLength, length, bytes.what) });
      at += operationLength + length;
    }
    return operations;
  }
}
