/**
 * File records of NTFS: attributes under a head, each a value that lies in the record itself or in runs of clusters. In
 * records, index blocks and pages of the log the last two bytes of each 512 are a number that must be the same in all of
 * them (a torn write is seen by it); what belongs there is kept in an array at the beginning.
 */
import { demand } from '../distrust.ts';
import { Fields } from '../fields.ts';
import type { Geometry } from './boot-sector.ts';
import { decodeRuns, type Run } from './runs.ts';

export const attributeType = {
  list: 0x20,
  volumeInformation: 0x70,
  data: 0x80,
  indexRoot: 0x90,
  indexAllocation: 0xa0,
  bitmap: 0xb0,
} as const;

export interface FileRecord {
  readonly number: number;
  readonly sequence: number;
  /** The record that this one continues; null when it continues none. */
  readonly base: number | null;
  readonly attributes: readonly Attribute[];
}

export interface Attribute {
  readonly type: number;
  readonly name: string;
  /** Its number in the record. */
  readonly instance: number;
  /** The value, when it lies in the record. */
  readonly value: Fields | null;
  /** Else from which cluster of the value on, and where they are. */
  readonly from: number;
  readonly runs: readonly Run[];
  /** Bytes of the whole value and how many of them were written; known where `from` is 0. */
  readonly size: number;
  readonly written: number;
}

const recordMagic = 'FILE';
const stride = 512;
const inUse = 0x1;
const endOfAttributes = 0xffffffff;

/** Parses a record, which must be in use. */
export function parseRecord(bytes: Buffer, number: number, geometry: Geometry): FileRecord {
  const what = `file record ${number}`;
  const fields = new Fields(undoFixups(bytes, recordMagic, what), 'little', what);
  demand((fields.u16(22) & inUse) !== 0, `${what} is not in use`);
  const end = fields.u32(24);
  demand(end <= fields.length, `${what} is longer than it can be`);
  const attributes: Attribute[] = [];
  for (let at = fields.u16(20); at + 4 <= end && fields.u32(at) !== endOfAttributes; ) {
    const length = fields.u32(at + 4);
    demand(length >= 24 && length % 8 === 0 && at + length <= end, `${what} has a damaged attribute`);
    attributes.push(parseAttribute(fields.part(at, length, `an attribute of ${what}`), geometry));
    at += length;
  }
  const base = fields.big(32);
  return { number, sequence: fields.u16(16), base: base === 0n ? null : referenceOf(base).number, attributes };
}

function parseAttribute(fields: Fields, geometry: Geometry): Attribute {
  const [type, instance] = [fields.u32(0), fields.u16(14)];
  const name = fields.slice(fields.u16(10), fields.u8(9) * 2).toString('utf16le');
  if (fields.u8(8) === 0) {
    const value = fields.part(fields.u16(20), fields.u32(16), fields.what);
    return { type, name, instance, value, from: 0, runs: [], size: value.length, written: value.length };
  }
  const [from, last] = [fields.u64(16), fields.big(24)];
  const count = Number(BigInt.asIntN(64, last)) - from + 1;
  const pairs = fields.u16(32);
  const runs = decodeRuns(fields.part(pairs, fields.length - pairs, fields.what), geometry.clusters);
  demand(runs.reduce((sum, run) => sum + run.count, 0) === count, `${fields.what} has runs of another length`);
  const [size, written] = from === 0 ? [fields.u64(48), fields.u64(56)] : [0, 0];
  return { type, name, instance, value: null, from, runs, size, written };
}

/** A copy of a protected structure with the bytes that belong there; distrusts one that is torn. */
export function undoFixups(bytes: Buffer, magic: string, what: string): Buffer {
  const fields = new Fields(Buffer.from(bytes), 'little', what);
  demand(fields.text(0, 4) === magic, `${what} is not one`);
  const [at, count] = [fields.u16(4), fields.u16(6)];
  demand((count - 1) * stride === bytes.length && at % 2 === 0, `${what} has ${count} fix-ups`);
  const number = fields.u16(at);
  for (let n = 1; n < count; n++) {
    demand(fields.u16(n * stride - 2) === number, `${what} is torn`);
    fields.bytes.writeUInt16LE(fields.u16(at + n * 2), n * stride - 2);
  }
  return fields.bytes;
}

/** Which record is meant, and which use of it. */
export function referenceOf(reference: bigint): { number: number; sequence: number } {
  return { number: Number(reference & 0xffffffffffffn), sequence: Number(reference >> 48n) };
}
