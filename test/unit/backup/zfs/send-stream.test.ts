import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Extents } from '../../../../src/backup/allocation/allocation.ts';
import { covers, extentsOf } from '../../../../src/backup/allocation/extents.ts';
import { SendStream, type Wanted } from '../../../../src/backup/zfs/send-stream.ts';
import { type Random, randomFrom } from '../../../model/random.ts';
import { type StreamHead, type StreamRecord, writeStream } from './stream-writer.ts';

const mib = 1024 ** 2;
const head: StreamHead = { kind: 'volume', from: 7_000_000_000_000_000_001n, to: 17_000_000_000_000_000_002n };
const wanted: Wanted = { ...head, object: 1n, size: 64 * mib, most: 128 * mib };
const disbelief = /cannot be believed|there is a record of type/;

const some: readonly StreamRecord[] = [
  { type: 'object', object: 1, bonus: 20 },
  { type: 'free', object: 1, offset: 64 * mib, length: 2n ** 64n - 1n },
  { type: 'write', object: 1, offset: 0, length: 512 },
  { type: 'write', object: 1, offset: 8192, length: 8192, compressed: 512 },
  { type: 'free', object: 1, offset: 65536, length: 65536 },
  { type: 'embedded', object: 1, offset: mib, length: 8192, bytes: 33 },
  { type: 'write', object: 2, offset: 5 * mib, length: 512 },
  { type: 'spill', object: 2, length: 512 },
  { type: 'free-objects', first: 3, count: 29 },
];
const someChanged: Extents = [
  [0, 512],
  [8192, 8192],
  [65536, 65536],
  [mib, 8192],
];

function read(bytes: Uint8Array, of: Partial<Wanted> = {}, piece = bytes.length): Extents {
  const stream = new SendStream({ ...wanted, ...of });
  for (let at = 0; at < bytes.length; at += piece) stream.take(bytes.subarray(at, at + piece));
  return stream.finish();
}

describe('a stream of zfs send', () => {
  it('tells what changed in one object, in whatever pieces and byte order it comes', () => {
    const bytes = writeStream(head, some);
    for (const piece of [bytes.length, 1, 7, 311, 4096])
      expect(read(bytes, {}, piece), `${piece}`).toEqual(someChanged);
    expect(read(writeStream({ ...head, littleEndian: false }, some))).toEqual(someChanged);
    expect(read(bytes, { object: 2n })).toEqual([[5 * mib, 512]]);
    expect(read(bytes, { object: 9n, size: 4096 })).toEqual([[0, 4096]]);
    expect(read(bytes, { object: 40n })).toEqual([]);
    expect(read(bytes, { size: 70_000 })).toEqual([
      [0, 512],
      [8192, 8192],
      [65536, 4464],
    ]);
    expect(read(writeStream(head, []))).toEqual([]);
    const file = writeStream({ ...head, kind: 'file' }, some);
    expect(read(file, { kind: 'file', object: 2n })).toEqual([[5 * mib, 512]]);
  });

  it('of OpenZFS 2.1.11 itself tells of a write at 2.5 MiB, a discard at 64 KiB, and what was never written', async () => {
    const bytes = await readFile(new URL('openzfs-2.1.11.stream', import.meta.url));
    const of = { from: 0x769249fcc4246708n, to: 0x51b5bd703349ee5bn, size: 8 * mib };
    expect(read(bytes, of, 1000)).toEqual([
      [65536, 131072],
      [1310720, 7077888],
    ]);
  });

  it('may name places in any order', () => {
    const records: StreamRecord[] = [30, 10, 20, 10].map((block) => {
      return { type: 'write', object: 1, offset: block * 8192, length: 8192 };
    });
    expect(read(writeStream(head, records)).map(([offset]) => offset / 8192)).toEqual([10, 20, 30]);
  });

  it('is refused when it breaks off anywhere, or goes on', () => {
    const bytes = writeStream(head, some);
    for (let length = 0; length < bytes.length; length++)
      expect(() => read(bytes.subarray(0, length)), `${length}`).toThrow('breaks off');
    expect(() => read(Buffer.concat([bytes, Buffer.alloc(8)]))).toThrow('follows its end');
    expect(() => read(Buffer.concat([bytes, bytes]))).toThrow('follows its end');
  });

  it('is refused with any bit of it changed', () => {
    const bytes = writeStream(head, some.slice(0, 6));
    // What a header says of its time and its name, and which checks nobody needs, is in its sum as well.
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      expect(() => read(damaged), `byte ${at}`).toThrow(disbelief);
    }
  });

  it.each<[string, Partial<StreamHead>, readonly StreamRecord[], Partial<Wanted>]>([
    ['of other snapshots', { from: 1n }, some, {}],
    ['to another snapshot', { to: 1n }, some, {}],
    ['of a file system, where a volume is', { kind: 'file' }, some, {}],
    ['of a volume, where a file system is', {}, some, { kind: 'file' }],
    ['with duplicates taken out', { features: 1n }, some, {}],
    ['that is redacted', { features: 1n << 21n }, some, {}],
    ['that is raw', { features: 1n << 24n }, some, {}],
    ['that goes on where one broke off', { features: 1n << 20n }, some, {}],
    ['with features that nobody knows', { features: 1n << 40n }, some, {}],
    ['that is longer than it may be', {}, some, { most: 4096 }],
    [
      'with a block that is too large',
      {},
      [{ type: 'write', object: 1, offset: 0, length: 17 * mib, compressed: 8 }],
      {},
    ],
    ['with an empty block', {}, [{ type: 'write', object: 1, offset: 0, length: 0 }], {}],
    ['that grew by compression', {}, [{ type: 'write', object: 1, offset: 0, length: 512, compressed: 1024 }], {}],
    ['with a crooked block', {}, [{ type: 'write', object: 1, offset: 0, length: 513 }], {}],
    ['with too much in a pointer', {}, [{ type: 'embedded', object: 1, offset: 0, length: 512, bytes: 120 }], {}],
    ['with an object larger than any', {}, [{ type: 'object', object: 1, bonus: 20_000 }], {}],
  ])('is refused when it is one %s', (_, headOf, records, of) => {
    expect(() => read(writeStream({ ...head, ...headOf }, records), of)).toThrow(disbelief);
  });

  it('is refused when it is something else', () => {
    for (const text of ['', 'cannot send', 'x'.repeat(5000)]) expect(() => read(Buffer.from(text))).toThrow(disbelief);
    expect(() => read(Buffer.alloc(5000))).toThrow(disbelief);
  });

  it('never makes a changed block an unchanged one, however it is damaged', () => {
    const random = randomFrom(3);
    let refused = 0;
    for (let round = 0; round < 200; round++) {
      const { records, changed } = randomRecords(random);
      const bytes = writeStream(head, records);
      expect(read(bytes, {}, 1 + random.below(bytes.length))).toEqual(changed);
      const damaged = damage(Buffer.from(bytes), random);
      try {
        expect(covers(read(damaged), changed), `round ${round}`).toBe(true);
      } catch (error) {
        expect(String(error)).toMatch(disbelief);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(190);
  });
});

function randomRecords(random: Random): { records: StreamRecord[]; changed: Extents } {
  const records: StreamRecord[] = [];
  const changed: [number, number][] = [];
  for (let count = random.below(12); count > 0; count--) {
    const object = 1 + random.below(2);
    const [offset, length] = [random.below(8000) * 8192, 512 * (1 + random.below(16))];
    records.push(
      random.one<StreamRecord>([
        { type: 'write', object, offset, length },
        { type: 'write', object, offset, length, compressed: 512 },
        { type: 'free', object, offset, length },
        { type: 'embedded', object, offset, length, bytes: 1 + random.below(112) },
      ]) as StreamRecord,
    );
    if (object === 1) changed.push([offset, length]);
  }
  return { records, changed: extentsOf(changed) };
}

/** Bits flipped, a part taken out, put twice, emptied, or exchanged with another. */
function damage(bytes: Buffer, random: Random): Uint8Array {
  const [a, b] = [random.below(bytes.length), random.below(bytes.length)].sort((x, y) => x - y) as [number, number];
  const part = bytes.subarray(a, b + 1);
  switch (random.below(5)) {
    case 0:
      bytes[a] = (bytes[a] ?? 0) ^ (1 + random.below(255));
      return bytes;
    case 1:
      return Buffer.concat([bytes.subarray(0, a), bytes.subarray(b + 1)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, b + 1), part, bytes.subarray(b + 1)]);
    case 3:
      bytes.fill(0, a, b + 1);
      return bytes;
    default:
      return Buffer.concat([part, bytes.subarray(0, a), bytes.subarray(b + 1)]);
  }
}
