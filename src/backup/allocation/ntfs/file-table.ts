/**
 * The master file table (MFT): records by their number, and the values of their attributes, wherever they lie. An attribute
 * that does not fit its record is continued in others; a list in the first one tells which. So is the table itself.
 */
import { demand } from '../distrust.ts';
import { Fields } from '../fields.ts';
import type { Volume } from '../volume.ts';
import type { Geometry } from './boot-sector.ts';
import { type Attribute, attributeType, type FileRecord, parseRecord, referenceOf } from './record.ts';
import { type Run, readRuns } from './runs.ts';

/** The value of an attribute; in the record, or in runs. */
export interface Value {
  readonly size: number;
  /** Bytes from its beginning that were written; what follows reads as zeros. */
  readonly written: number;
  readonly runs: readonly Run[];
  readonly resident: Buffer | null;
}

/** Names of file records that are always the same. */
export const recordOf = { mft: 0, mirror: 1, log: 2, volume: 3, root: 5, bitmap: 6, boot: 7 } as const;

const largestList = 256 * 1024;

export class FileTable {
  readonly volume: Volume;
  readonly geometry: Geometry;
  private runs: readonly Run[] = [];

  private constructor(volume: Volume, geometry: Geometry) {
    this.volume = volume;
    this.geometry = geometry;
  }

  static async open(volume: Volume, geometry: Geometry): Promise<FileTable> {
    const table = new FileTable(volume, geometry);
    const { mftAt, clusterSize, recordSize } = geometry;
    const record = parseRecord(await volume.read(mftAt * clusterSize, recordSize), recordOf.mft, geometry);
    // What is found of the table leads to where the rest is told.
    for await (const part of table.partsOf(record, attributeType.data, '')) table.runs = [...table.runs, ...part.runs];
    demand(table.runs[0]?.at === mftAt, 'its file table lies elsewhere than its boot sector says');
    return table;
  }

  /** A record in use; of the given use where a sequence number is given. */
  async record(number: number, sequence?: number): Promise<FileRecord> {
    const bytes = await this.recordBytes(number);
    const record = parseRecord(bytes, number, this.geometry);
    demand(sequence === undefined || record.sequence === sequence, `file record ${number} is in another use`);
    return record;
  }

  recordBytes(number: number): Promise<Buffer> {
    const { clusterSize, recordSize } = this.geometry;
    return readRuns(this.volume, this.runs, clusterSize, number * recordSize, recordSize);
  }

  /** The value of an attribute of a record; null when it has none of that type and name. */
  async value(record: FileRecord, type: number, name = ''): Promise<Value | null> {
    const parts: Attribute[] = [];
    for await (const part of this.partsOf(record, type, name)) parts.push(part);
    const [first] = parts;
    if (first === undefined) return null;
    const { size, written, value } = first;
    return { size, written, runs: parts.flatMap(({ runs }) => runs), resident: value?.bytes ?? null };
  }

  /** Bytes of a value. */
  async read({ resident, runs, size }: Value, offset: number, length: number): Promise<Buffer> {
    demand(offset + length <= size, 'one of its own tables is shorter than it says');
    if (resident !== null) return resident.subarray(offset, offset + length);
    return readRuns(this.volume, runs, this.geometry.clusterSize, offset, length);
  }

  /** The parts of an attribute, each of which must go on where the one before ends. */
  private async *partsOf(record: FileRecord, type: number, name: string): AsyncGenerator<Attribute> {
    const list = record.attributes.find((attribute) => attribute.type === attributeType.list);
    const parts =
      list === undefined
        ? record.attributes.filter((attribute) => attribute.type === type && attribute.name === name)
        : this.listedParts(record, await this.entriesOf(list), type, name);
    let next = 0;
    for await (const part of parts) {
      demand(
        part.from === next && (next === 0 || part.value === null),
        `file record ${record.number} has a part missing`,
      );
      yield part;
      for (const { count } of part.runs) next += count;
      if (part.value !== null) return;
    }
  }

  private async entriesOf(list: Attribute): Promise<Fields> {
    const { value, size, written, runs } = list;
    demand(size <= largestList && written === size, 'a list of attributes is damaged');
    const bytes = await this.read({ size, written, runs, resident: value?.bytes ?? null }, 0, size);
    return new Fields(bytes, 'little', 'a list of attributes');
  }

  private async *listedParts(base: FileRecord, list: Fields, type: number, name: string): AsyncGenerator<Attribute> {
    for (let at = 0; at < list.length; ) {
      const length = list.u16(at + 4);
      demand(length >= 26, 'a list of attributes is damaged');
      const entry = list.part(at, length, list.what);
      at += length;
      const named = entry.slice(entry.u8(7), entry.u8(6) * 2).toString('utf16le');
      if (entry.u32(0) !== type || named !== name) continue;
      const { number, sequence } = referenceOf(entry.big(16));
      const record = number === base.number ? base : await this.record(number, sequence);
      demand(record === base || record.base === base.number, `file record ${number} continues another one`);
      const instance = entry.u16(24);
      const found = record.attributes.find(
        (one) => one.type === type && one.name === name && one.instance === instance,
      );
      demand(found !== undefined, `file record ${number} lacks an attribute of a list`);
      yield found;
    }
  }
}
