/**
 * A qcow2 image of version 3, as docs/interop/qcow2.txt of qemu has it: the header, the reference counts, the two levels
 * of tables, then the clusters that hold any data, in the order of the disk. There is no backing file, so a cluster
 * that no table names is zero. Everything is big-endian.
 *
 * Every cluster of the file is in use, once: all reference counts are 1, and all entries have the bit that says so.
 */
import { piecesOf, type Range } from './extents.ts';
import { type Format, roundUp } from './format.ts';
import { LayoutBuilder } from './layout-builder.ts';
import type { Layout, PointDisk } from './segment.ts';

export const qcow2: Format = { fileName: 'disk.qcow2', sizeOf: null, whyNot: () => null, layout };

const sectorSize = 512;
const entrySize = 8;
const headerSize = 104;
const refcount = { order: 4, size: 2 };
const clusterBits = { least: 16, most: 21 };
/** Clusters grow with the disk, up to the largest that qemu takes: up to 4 TiB the tables stay within 16 MiB. */
const mostClusters = 2 ** 21;
/** Bit 63 of an entry, in its upper half: what it names has a reference count of exactly 1. */
const copied = 0x80000000;

/** Where the parts of the file begin, and how large they are. */
interface Plan {
  readonly clusterSize: number;
  /** Entries in a table of the second level. */
  readonly perTable: number;
  /** Bytes of the disk in whole sectors. */
  readonly virtualSize: number;
  /** Entries of the table of the first level. */
  readonly tables: number;
  /** Those of them that have a table of the second level. */
  readonly present: readonly number[];
  readonly refcountTableAt: number;
  readonly refcountBlocksAt: number;
  readonly level1At: number;
  readonly level2At: number;
  readonly dataAt: number;
  readonly clusters: number;
}

function layout(disk: PointDisk): Layout {
  const virtualSize = roundUp(disk.size, sectorSize);
  const clusterSize = clusterSizeFor(virtualSize);
  const pieces = piecesOf(disk.data, clusterSize, virtualSize);
  const plan = planFor(virtualSize, clusterSize, pieces);
  const file = new LayoutBuilder();
  file.literal(header(plan));
  file.zerosTo(plan.refcountTableAt);
  addRefcounts(file, plan);
  addTables(file, plan, pieces);
  for (const { from, to } of pieces) file.disk(from * clusterSize, (to - from) * clusterSize);
  return file.finish();
}

function clusterSizeFor(virtualSize: number): number {
  let bits = clusterBits.least;
  while (bits < clusterBits.most && virtualSize > 2 ** bits * mostClusters) bits++;
  return 2 ** bits;
}

function planFor(virtualSize: number, clusterSize: number, pieces: readonly Range[]): Plan {
  const perTable = clusterSize / entrySize;
  const perRefcountBlock = clusterSize / refcount.size;
  const tables = Math.ceil(virtualSize / (clusterSize * perTable));
  const present = tablesOf(pieces, perTable);
  const level1Clusters = Math.ceil(tables / perTable);
  const dataClusters = pieces.reduce((sum, { from, to }) => sum + to - from, 0);
  // The reference counts count the clusters that they lie in themselves.
  const counted = 1 + level1Clusters + present.length + dataClusters;
  let blocks = 1;
  const tableClusters = () => Math.ceil(blocks / perTable);
  while (blocks * perRefcountBlock < counted + blocks + tableClusters()) blocks++;
  const refcountTableAt = clusterSize;
  const refcountBlocksAt = refcountTableAt + tableClusters() * clusterSize;
  const level1At = refcountBlocksAt + blocks * clusterSize;
  const level2At = level1At + level1Clusters * clusterSize;
  const dataAt = level2At + present.length * clusterSize;
  const places = { refcountTableAt, refcountBlocksAt, level1At, level2At, dataAt };
  return {
    clusterSize,
    perTable,
    virtualSize,
    tables,
    present,
    ...places,
    clusters: dataAt / clusterSize + dataClusters,
  };
}

/** Which tables of the second level the clusters of the disk have their entries in. */
function tablesOf(pieces: readonly Range[], perTable: number): number[] {
  const tables: number[] = [];
  for (const { from, to } of pieces) {
    const first = Math.max(Math.floor(from / perTable), (tables.at(-1) ?? -1) + 1);
    for (let table = first; table * perTable < to; table++) tables.push(table);
  }
  return tables;
}

/** "Header". No feature bits are set; after the header stands the end of the header extensions, 8 zero bytes. */
function header(plan: Plan): Buffer {
  const bytes = Buffer.alloc(headerSize);
  bytes.write('QFI\xfb', 0, 'latin1');
  bytes.writeUInt32BE(3, 4); // version
  bytes.writeUInt32BE(Math.log2(plan.clusterSize), 20);
  bytes.writeBigUInt64BE(BigInt(plan.virtualSize), 24);
  bytes.writeUInt32BE(plan.tables, 36);
  bytes.writeBigUInt64BE(BigInt(plan.level1At), 40);
  bytes.writeBigUInt64BE(BigInt(plan.refcountTableAt), 48);
  bytes.writeUInt32BE((plan.refcountBlocksAt - plan.refcountTableAt) / plan.clusterSize, 56);
  bytes.writeUInt32BE(refcount.order, 96);
  bytes.writeUInt32BE(headerSize, 100);
  return bytes;
}

/** "Host cluster management": a table of blocks, blocks of counts. */
function addRefcounts(file: LayoutBuilder, plan: Plan): void {
  const { clusterSize, refcountBlocksAt, level1At, clusters } = plan;
  const blocks = (level1At - refcountBlocksAt) / clusterSize;
  const table = Buffer.alloc(blocks * entrySize);
  for (let n = 0; n < blocks; n++) setEntry(table, n, refcountBlocksAt + n * clusterSize, 0);
  file.literal(table);
  file.zerosTo(refcountBlocksAt);
  const ones = Buffer.alloc(clusterSize, Buffer.of(0, 1));
  for (let left = clusters * refcount.size; left > 0; left -= clusterSize) file.literal(ones.subarray(0, left));
  file.zerosTo(level1At);
}

/** "Cluster mapping": the table of the first level, and those of the second that have any entry. */
function addTables(file: LayoutBuilder, plan: Plan, pieces: readonly Range[]): void {
  const { clusterSize, perTable, present, level2At } = plan;
  const level1 = Buffer.alloc(plan.tables * entrySize);
  for (const [n, table] of present.entries()) setEntry(level1, table, level2At + n * clusterSize, copied);
  file.table(level1);
  file.zerosTo(level2At);
  const level2 = Buffer.alloc(clusterSize);
  let [table] = present;
  let place = plan.dataAt;
  for (const { from, to } of pieces) {
    for (let at = from; at < to; at++, place += clusterSize) {
      if (Math.floor(at / perTable) !== table) {
        file.table(level2);
        level2.fill(0);
        table = Math.floor(at / perTable);
      }
      setEntry(level2, at % perTable, place, copied);
    }
  }
  if (table !== undefined) file.table(level2);
}

function setEntry(table: Buffer, n: number, place: number, flags: number): void {
  table.writeUInt32BE(Math.floor(place / 2 ** 32) + flags, n * entrySize);
  table.writeUInt32BE(place % 2 ** 32, n * entrySize + 4);
}
