/** What the reader of VHDX files checks at several places: that areas are apart, checksums; and how it reads a GUID. */
import assert from 'node:assert/strict';

export interface Area {
  readonly what: string;
  readonly from: number;
  readonly length: number;
}

/** Nothing overlaps, and nothing lies outside. */
export function checkAreas(size: number, areas: readonly Area[]): void {
  let end = 0;
  for (const { what, from, length } of areas.toSorted((a, b) => a.from - b.from)) {
    if (from < end) assert.fail(`${what} at ${from} overlaps what ends at ${end}`);
    end = from + length;
  }
  assert(end <= size, `what ends at ${end} is past the end, ${size}`);
}

export function checkSum(bytes: Buffer): void {
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(0, 4);
  assert.equal(bytes.readUInt32LE(4), castagnoli(copy), 'checksum');
}

/** CRC-32C, bit by bit. */
function castagnoli(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** [MS-DTYP] 2.3.4.2. */
export function guidAt(bytes: Buffer, at: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  const [first, second, third] = [bytes.readUInt32LE(at), bytes.readUInt16LE(at + 4), bytes.readUInt16LE(at + 6)];
  const rest = bytes.toString('hex', at + 8, at + 16);
  return `${hex(first, 8)}-${hex(second, 4)}-${hex(third, 4)}-${rest.slice(0, 4)}-${rest.slice(4)}`;
}
