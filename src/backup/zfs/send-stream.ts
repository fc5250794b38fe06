/**
 * What changed between two snapshots, out of the stream that `zfs send -i` makes of them: records of 312 bytes, some of
 * them with content behind, which is skipped. One object is looked for: the content of a volume, or a file.
 *
 * The layout is that of `dmu_replay_record` in OpenZFS (include/sys/zfs_ioctl.h). It is in the byte order of who made it. Of a
 * stream that is not wholly understood nothing is believed: records and features that are not known, guids of other
 * snapshots, checksums that do not fit (each record has one, of all that came before) and a missing end are errors.
 */
import type { Extents } from '../allocation/allocation.ts';
import { extentsOf } from '../allocation/extents.ts';
import { Fletcher4 } from './fletcher4.ts';

export interface Wanted {
  readonly kind: 'volume' | 'file';
  /** Guids of the older snapshot and of the newer. */
  readonly from: bigint;
  readonly to: bigint;
  /** Number of the object: of a file its inode. */
  readonly object: bigint;
  /** Nothing behind this byte is asked for. */
  readonly size: number;
  /** Bytes that the stream may have at most. */
  readonly most: number;
}

const recordLength = 312;
/** Where each record but the first has the checksum of what came before it, itself included. */
const sumAt = 280;
const magic = 0x2f5bacbacn;

/** In `drr_versioninfo`: one stream alone, not a package of several. */
const single = 1n;
/** Features of the format that say nothing of other records than those below, as `1 << bit`. */
const features = [2, 16, 17, 19, 22, 23, 25, 27, 28, 29].reduce((all, bit) => all | (1n << BigInt(bit)), 0n);
const flags = 0xf;
/** Object sets. */
const kinds = { file: 2, volume: 3 } as const;

const types = { begin: 0, object: 1, freeObjects: 2, write: 3, free: 4, end: 5, spill: 7, embedded: 8 } as const;

/** Where each record says of which snapshot it is. */
const guidAt: Readonly<Record<number, number>> = {
  [types.object]: 40,
  [types.freeObjects]: 24,
  [types.write]: 40,
  [types.free]: 32,
  [types.end]: 40,
  [types.spill]: 24,
  [types.embedded]: 32,
};

const mib = 1024 ** 2;
/** The largest block. */
const mostBlock = 16 * mib;
/** The largest dnode. */
const mostBonus = 16 * 1024;
/** Content of a block that lies in its pointer. */
const mostEmbedded = 112;
const mostPieces = 4_000_000;

/** Takes a stream in pieces of any size; each method throws when it is none that can be believed. */
export class SendStream {
  readonly #wanted: Wanted;
  readonly #changed: [number, number][] = [];
  #rest: Uint8Array = new Uint8Array(0);
  /** Content that is still to come. */
  #content = 0;
  #length = 0;
  #littleEndian = true;
  #sum: Fletcher4 | null = null;
  #ended = false;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  /** The next piece. */
  take(piece: Uint8Array): void {
    this.#length += piece.length;
    demand(this.#length <= this.#wanted.most, 'it is longer than reading everything takes');
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    while (at < bytes.length) {
      demand(!this.#ended, 'something follows its end');
      const left = bytes.length - at;
      if (this.#content > 0) {
        const length = Math.min(this.#content, left - (left % 8));
        if (length === 0) break;
        this.#sum?.add(view, at, length);
        this.#content -= length;
        at += length;
      } else {
        if (left < recordLength) break;
        this.#record(new DataView(bytes.buffer, bytes.byteOffset + at, recordLength));
        at += recordLength;
      }
    }
    this.#rest = bytes.subarray(at);
  }

  /** The bytes that are written to or freed, below the size, when all has come. */
  finish(): Extents {
    demand(this.#ended && this.#rest.length === 0, 'it breaks off');
    return extentsOf(this.#changed);
  }

  #record(record: DataView): void {
    if (this.#sum === null) {
      this.#begin(record);
      return;
    }
    const sum = this.#sum;
    const type = record.getUint32(0, this.#littleEndian);
    const toldOf = guidAt[type];
    if (toldOf === undefined) throw new Error(`there is a record of type ${type}`);
    if (type === types.end) demand(sum.equals(record, 8), 'its checksum is wrong');
    sum.add(record, 0, sumAt);
    demand(sum.equals(record, sumAt), 'the checksum of a record is wrong');
    sum.add(record, sumAt, recordLength - sumAt);
    demand(this.#whole(record, toldOf) === this.#wanted.to, 'a record is of another snapshot');
    this.#content = this.#note(type, record);
  }

  #begin(record: DataView): void {
    this.#littleEndian = record.getBigUint64(8, true) === magic;
    demand(this.#whole(record, 8) === magic && this.#number(record, 0) === types.begin, 'it is no stream');
    const version = this.#whole(record, 16);
    demand((version & 3n) === single, 'it is a package of streams');
    const unknown = (version >> 2n) & ~features;
    demand(unknown === 0n, `it has features that are not known (0x${unknown.toString(16)})`);
    demand((this.#number(record, 36) & ~flags) === 0, 'it has flags that are not known');
    const { kind, from, to } = this.#wanted;
    demand(this.#number(record, 32) === kinds[kind], `it is of no ${kind === 'file' ? 'file system' : 'volume'}`);
    demand(this.#whole(record, 40) === to && this.#whole(record, 48) === from, 'it is of other snapshots');
    demand(this.#number(record, 4) === 0, 'it begins with something that is not known');
    this.#sum = new Fletcher4(this.#littleEndian);
    this.#sum.add(record, 0, recordLength);
  }

  /** Notes what a record changes; gives the bytes of content behind it. */
  #note(type: number, record: DataView): number {
    switch (type) {
      case types.object: {
        const bonus = this.#number(record, 28);
        demand(bonus <= mostBonus && this.#number(record, 36) === 0, 'an object is larger than can be');
        return Math.ceil(bonus / 8) * 8;
      }
      case types.freeObjects: {
        const [first, count] = [this.#whole(record, 8), this.#whole(record, 16)];
        const { object } = this.#wanted;
        // The file is another one then, under an old number.
        if (object >= first && object - first < count) this.#change(0n, BigInt(this.#wanted.size));
        return 0;
      }
      case types.write: {
        const [length, compressed] = [this.#whole(record, 32), this.#whole(record, 96)];
        this.#changeOf(record, 24, length);
        demand(length > 0n && length <= mostBlock && compressed <= length, 'a block is larger than can be');
        const isCompressed = record.getUint8(50) !== 0;
        demand(isCompressed === compressed > 0n, 'a block has a size that cannot be');
        return this.#contentOf(Number(isCompressed ? compressed : length));
      }
      case types.free:
        this.#changeOf(record, 16, this.#whole(record, 24));
        return 0;
      case types.embedded: {
        this.#changeOf(record, 16, this.#whole(record, 24));
        const length = this.#number(record, 52);
        demand(length > 0 && length <= mostEmbedded, 'a block is larger than can be');
        return Math.ceil(length / 8) * 8;
      }
      case types.spill: {
        // Attributes of a file, in a block of their own.
        const [length, compressed] = [this.#whole(record, 16), this.#whole(record, 40)];
        demand(length <= mostBlock && compressed === 0n, 'a block is larger than can be');
        return this.#contentOf(Number(length));
      }
      default:
        this.#ended = true;
        return 0;
    }
  }

  /** A record that names its object first, and where in it something changes. */
  #changeOf(record: DataView, offsetAt: number, length: bigint): void {
    if (this.#whole(record, 8) === this.#wanted.object) this.#change(this.#whole(record, offsetAt), length);
  }

  #change(offset: bigint, length: bigint): void {
    const size = BigInt(this.#wanted.size);
    if (offset >= size || length === 0n) return;
    const [from, end] = [Number(offset), Number(offset + length < size ? offset + length : size)];
    const last = this.#changed.at(-1);
    if (last !== undefined && last[0] + last[1] === from) last[1] = end - last[0];
    else this.#changed.push([from, end - from]);
    demand(this.#changed.length <= mostPieces, 'what changed is in too many pieces');
  }

  #contentOf(length: number): number {
    demand(length % 8 === 0, 'a block has a size that cannot be');
    return length;
  }

  #number(record: DataView, at: number): number {
    return record.getUint32(at, this.#littleEndian);
  }

  #whole(record: DataView, at: number): bigint {
    return record.getBigUint64(at, this.#littleEndian);
  }
}

function demand(is: boolean, otherwise: string): void {
  if (!is) throw new Error(`the stream of zfs send cannot be believed: ${otherwise}`);
}
