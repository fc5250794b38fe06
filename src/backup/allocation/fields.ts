/** Reading the fields of a structure on disk: every read is checked, one out of bounds is a Distrust. */
import { Distrust } from './distrust.ts';

export type ByteOrder = 'little' | 'big';

export class Fields {
  readonly bytes: Buffer;
  readonly order: ByteOrder;
  /** Names the structure in reasons. */
  readonly what: string;

  constructor(bytes: Buffer, order: ByteOrder, what: string) {
    this.bytes = bytes;
    this.order = order;
    this.what = what;
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(at: number): number {
    return this.bytes.readUInt8(this.checked(at, 1));
  }

  u16(at: number): number {
    this.checked(at, 2);
    return this.order === 'little' ? this.bytes.readUInt16LE(at) : this.bytes.readUInt16BE(at);
  }

  u32(at: number): number {
    this.checked(at, 4);
    return this.order === 'little' ? this.bytes.readUInt32LE(at) : this.bytes.readUInt32BE(at);
  }

  /** An unsigned number of 64 bits that must be below 2^53: no length or place of a disk is greater. */
  u64(at: number): number {
    const value = this.big(at);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Distrust(`${this.what}: ${value} at ${at} is too great`);
    return Number(value);
  }

  /** All 64 bits. */
  big(at: number): bigint {
    this.checked(at, 8);
    return this.order === 'little' ? this.bytes.readBigUInt64LE(at) : this.bytes.readBigUInt64BE(at);
  }

  text(at: number, length: number): string {
    return this.slice(at, length).toString('latin1');
  }

  /** The same bytes, not a copy. */
  slice(at: number, length: number): Buffer {
    return this.bytes.subarray(this.checked(at, length), at + length);
  }

  part(at: number, length: number, what: string): Fields {
    return new Fields(this.slice(at, length), this.order, what);
  }

  private checked(at: number, length: number): number {
    if (Number.isInteger(at) && Number.isInteger(length) && at >= 0 && length >= 0 && at + length <= this.length)
      return at;
    throw new Distrust(`${this.what}: ${length} bytes at ${at} reach past its ${this.length} bytes`);
  }
}
