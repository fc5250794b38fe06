/**
 * A reader of qcow2 images without backing files, snapshots, compression and features, made from docs/interop/qcow2.txt and
 * from nothing of ours. Opening one checks that every cluster of the file is in use, once, and counted so; what is wrong
 * is thrown.
 */
import assert from 'node:assert/strict';
import type { Image } from './image.ts';

/** Bit 63, in the upper half of an entry. */
const copied = 0x80000000;

export interface Qcow2 {
  readonly virtualSize: number;
  readonly clusterSize: number;
  /** Places of the clusters of the disk that are in the file, by their number on the disk, in its order. */
  readonly clusters: ReadonlyMap<number, number>;
  readonly read: (offset: number, length: number) => Buffer;
}

export function openQcow2(file: Image): Qcow2 {
  const header = file.read(0, 112);
  assert.equal(header.toString('latin1', 0, 4), 'QFI\xfb');
  assert.equal(header.readUInt32BE(4), 3);
  assert.equal(header.readUInt32BE(100), 104, 'length of the header');
  assert(
    header.subarray(8, 20).every((byte) => byte === 0),
    'backing file',
  );
  assert(
    header.subarray(60, 96).every((byte) => byte === 0),
    'snapshots, features',
  );
  assert(
    header.subarray(104).every((byte) => byte === 0),
    'header extensions',
  );
  assert.equal(header.readUInt32BE(32), 0, 'encryption');
  assert.equal(header.readUInt32BE(96), 4, '16-bit reference counts');
  const clusterSize = 2 ** header.readUInt32BE(20);
  assert(clusterSize >= 512 && clusterSize <= 2 ** 21);
  const virtualSize = Number(header.readBigUInt64BE(24));
  assert(virtualSize > 0 && virtualSize % 512 === 0);
  assert.equal(file.size % clusterSize, 0);

  const perTable = clusterSize / 8;
  const used = new Uint16Array(file.size / clusterSize);
  const use = (place: number, length = clusterSize): void => {
    assert(place % clusterSize === 0 && place + length <= file.size, `${place}+${length} is no place`);
    for (let at = place; at < place + length; at += clusterSize)
      used[at / clusterSize] = (used[at / clusterSize] ?? 0) + 1;
  };
  use(0);
  const level1Entries = header.readUInt32BE(36);
  assert.equal(level1Entries, Math.ceil(virtualSize / (clusterSize * perTable)));
  const level1At = Number(header.readBigUInt64BE(40));
  use(level1At, level1Entries * 8);
  const clusters = new Map<number, number>();
  for (const [n, table] of entriesOf(file.read(level1At, level1Entries * 8), true)) {
    use(table);
    for (const [m, place] of entriesOf(file.read(table, clusterSize), true)) {
      use(place);
      assert((n * perTable + m) * clusterSize < virtualSize, 'a cluster behind the end of the disk');
      clusters.set(n * perTable + m, place);
    }
  }

  const refcountTableAt = Number(header.readBigUInt64BE(48));
  const refcountTableSize = header.readUInt32BE(56) * clusterSize;
  use(refcountTableAt, refcountTableSize);
  const blocks = [...entriesOf(file.read(refcountTableAt, refcountTableSize), false)];
  for (const [, place] of blocks) use(place);
  const counts = new Uint16Array((blocks.length * clusterSize) / 2);
  for (const [n, place] of blocks) {
    const block = file.read(place, clusterSize).swap16();
    assert(n < blocks.length);
    counts.set(new Uint16Array(block.buffer, block.byteOffset, clusterSize / 2), (n * clusterSize) / 2);
  }
  assert(
    used.every((uses) => uses === 1),
    'a cluster that is used twice, or not at all',
  );
  assert(
    counts.every((count, n) => count === (n < used.length ? 1 : 0)),
    'a wrong reference count',
  );

  const read = (offset: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    let step = 0;
    for (let at = offset; at < offset + length; at += step) {
      const within = at % clusterSize;
      step = Math.min(offset + length - at, clusterSize - within);
      const place = clusters.get(Math.floor(at / clusterSize));
      if (place !== undefined) file.read(place + within, step).copy(bytes, at - offset);
    }
    return bytes;
  };
  return { virtualSize, clusterSize, clusters, read };
}

/** The entries of a table that are not zero. */
function* entriesOf(table: Buffer, isCounted: boolean): Generator<[n: number, place: number]> {
  for (let at = 0; at < table.length; at += 8) {
    const [high, low] = [table.readUInt32BE(at), table.readUInt32BE(at + 4)];
    if (high === 0 && low === 0) continue;
    const place = (high % 2 ** 24) * 2 ** 32 + low;
    if (high - (high % 2 ** 24) !== (isCounted ? copied : 0) || place % 512 !== 0) assert.fail('flags, reserved bits');
    yield [at / 8, place];
  }
}
