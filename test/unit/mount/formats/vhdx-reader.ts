/**
 * A reader of VHDX files, made from [MS-VHDX] and from nothing of ours. Opening one checks everything that the specification
 * demands of a file at rest; what is wrong is thrown.
 */
import assert from 'node:assert/strict';
import type { Image } from './image.ts';
import { type Area, checkAreas, checkSum, guidAt } from './vhdx-checks.ts';

const mib = 2 ** 20;

const ids = {
  bat: '2dc27766-f623-4200-9d64-115e9bfd4a08',
  metadata: '8b7ca206-4790-4b9a-b8fe-575f050f886e',
  fileParameters: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b',
  virtualDiskSize: '2fa54224-cd1b-4876-b211-5dbed83bf4b8',
  page83: 'beca12ab-b2e6-4523-93ef-c309e000c746',
  logicalSectorSize: '8141bf1d-a96f-4709-ba47-f233a8faab5f',
  physicalSectorSize: 'cda348c7-445d-4471-9cc9-e9885251c556',
  parentLocator: 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c',
  vhdxLocator: 'b04aefb7-d19e-4a81-b789-25b8e9445913',
};

export interface Vhdx {
  readonly creator: string;
  readonly fileWrite: string;
  readonly dataWrite: string;
  readonly blockSize: number;
  readonly virtualSize: number;
  readonly sectorSize: number;
  readonly physicalSectorSize: number;
  readonly page83: string;
  readonly parent: ReadonlyMap<string, string> | null;
  /** State and place of each payload block, and of each sector bitmap block. */
  readonly payload: readonly Entry[];
  readonly bitmaps: readonly Entry[];
  readonly batSize: number;
  /** What the disk holds; what the file leaves to its parent is asked from `parent`. */
  readonly read: (offset: number, length: number, parent?: Image['read']) => Buffer;
}

interface Entry {
  readonly state: number;
  readonly place: number;
}

export function openVhdx(file: Image): Vhdx {
  const identifier = file.read(0, 8 + 512);
  assert.equal(identifier.toString('latin1', 0, 8), 'vhdxfile');
  const header = readHeader(file);
  const regions = readRegions(file);
  const [bat, metadata] = [regions.get(ids.bat), regions.get(ids.metadata)];
  assert(bat && metadata && regions.size === 2);
  const disk = readMetadata(file, metadata);
  const { blockSize, virtualSize, sectorSize, parent } = disk;
  const chunkRatio = (2 ** 23 * sectorSize) / blockSize;
  const payloadCount = Math.ceil(virtualSize / blockSize);
  const bitmapCount = Math.ceil(payloadCount / chunkRatio);
  const dynamicCount = payloadCount + Math.floor((payloadCount - 1) / chunkRatio);
  const count = parent === null ? dynamicCount : bitmapCount * (chunkRatio + 1);
  assert(bat.length >= count * 8, 'the table is too short');
  const entries = readEntries(file, bat);
  const payload = Array.from({ length: payloadCount }, (_, n) => entries[n + Math.floor(n / chunkRatio)] as Entry);
  const bitmaps = entries.slice(0, count).filter((_, n) => n % (chunkRatio + 1) === chunkRatio);
  const used = [...payload, ...bitmaps].filter(isUsed).length;
  assert.equal(entries.filter(isUsed).length, used, 'entries for blocks that the disk does not have');
  checkStates(payload, bitmaps, parent !== null, chunkRatio);
  checkAreas(file.size, [
    { what: 'header section', from: 0, length: mib },
    { what: 'log', ...header.log },
    { what: 'table', ...bat },
    { what: 'metadata', ...metadata },
    ...payload.filter(isPresent).map(({ place }) => ({ what: 'payload block', from: place, length: blockSize })),
    ...bitmaps.filter(isPresent).map(({ place }) => ({ what: 'bitmap block', from: place, length: mib })),
  ]);
  /** Of sectors that lie in one block whether each is in this file. */
  const presenceOf = (sector: number, count: number): boolean[] => {
    const bitmap = bitmaps[Math.floor(sector / 2 ** 23)];
    assert(bitmap?.state === 6);
    const bit = sector % 2 ** 23;
    const bytes = file.read(bitmap.place + Math.floor(bit / 8), Math.ceil(((bit % 8) + count) / 8));
    return Array.from(
      { length: count },
      (_, n) => (bytes.readUInt8(((bit % 8) + n) >> 3) & (1 << ((bit + n) % 8))) !== 0,
    );
  };
  const read: Vhdx['read'] = (offset, length, parentRead) => {
    assert(offset % sectorSize === 0 && length % sectorSize === 0 && offset + length <= virtualSize);
    const bytes = Buffer.alloc(length);
    const take = (at: number, size: number, place: number | null): void => {
      assert(place !== null || parentRead, 'the content is not defined');
      const content = place !== null ? file.read(place, size) : parentRead?.(at, size);
      content?.copy(bytes, at - offset);
    };
    let end = 0;
    for (let at = offset; at < offset + length; at = end) {
      const block = Math.floor(at / blockSize);
      end = Math.min((block + 1) * blockSize, offset + length);
      const { state, place } = payload[block] as Entry;
      const start = place + at - block * blockSize;
      if (state === 6) take(at, end - at, start);
      if (state === 0) take(at, end - at, null);
      if (state !== 7) continue;
      const own = presenceOf(at / sectorSize, (end - at) / sectorSize);
      for (let from = 0, to = 0; from < own.length; from = to) {
        while (to < own.length && own[to] === own[from]) to++;
        take(at + from * sectorSize, (to - from) * sectorSize, own[from] ? start + from * sectorSize : null);
      }
    }
    return bytes;
  };
  const creator = identifier.toString('utf16le', 8).replace(/\0+$/, '');
  return { creator, ...header, ...disk, payload, bitmaps, batSize: bat.length, read };
}

/** 2.2.2: of two valid headers that with the greater sequence number. */
function readHeader(file: Image): { fileWrite: string; dataWrite: string; log: Omit<Area, 'what'> } {
  const [first, second] = [64, 128].map((at) => {
    const bytes = file.read(at * 1024, 4096);
    assert.equal(bytes.toString('latin1', 0, 4), 'head');
    checkSum(bytes);
    assert.equal(bytes.readUInt16LE(66), 1, 'version');
    assert.equal(bytes.readUInt16LE(64), 0, 'version of the log');
    assert(
      bytes.subarray(48, 64).every((byte) => byte === 0),
      'the log is not empty',
    );
    assert(
      bytes.subarray(80).every((byte) => byte === 0),
      'reserved',
    );
    return bytes;
  });
  assert(first && second);
  assert.notEqual(first.readBigUInt64LE(8), second.readBigUInt64LE(8));
  const current = first.readBigUInt64LE(8) > second.readBigUInt64LE(8) ? first : second;
  const log = { from: Number(current.readBigUInt64LE(72)), length: current.readUInt32LE(68) };
  assert(log.from % mib === 0 && log.length % mib === 0 && log.length > 0);
  return { fileWrite: guidAt(current, 16), dataWrite: guidAt(current, 32), log };
}

/** 2.2.3: both tables are the same. */
function readRegions(file: Image): Map<string, Omit<Area, 'what'>> {
  const table = file.read(192 * 1024, 64 * 1024);
  assert.deepEqual(file.read(256 * 1024, 64 * 1024), table);
  assert.equal(table.toString('latin1', 0, 4), 'regi');
  checkSum(table);
  const count = table.readUInt32LE(8);
  assert(table.subarray(16 + 32 * count).every((byte) => byte === 0));
  const regions = new Map<string, Omit<Area, 'what'>>();
  for (let at = 16; at < 16 + 32 * count; at += 32) {
    const [from, length] = [Number(table.readBigUInt64LE(at + 16)), table.readUInt32LE(at + 24)];
    assert(from >= mib && from % mib === 0 && length > 0 && length % mib === 0);
    assert.equal(table.readUInt32LE(at + 28), 1, 'required');
    regions.set(guidAt(table, at), { from, length });
  }
  return regions;
}

type DiskFacts = Pick<Vhdx, 'blockSize' | 'virtualSize' | 'sectorSize' | 'physicalSectorSize' | 'page83' | 'parent'>;

/** 2.6. */
function readMetadata(file: Image, region: Omit<Area, 'what'>): DiskFacts {
  const table = file.read(region.from, 64 * 1024);
  assert.equal(table.toString('latin1', 0, 8), 'metadata');
  const count = table.readUInt16LE(10);
  assert(
    table.subarray(12, 32).every((byte) => byte === 0) && table.subarray(32 + 32 * count).every((byte) => byte === 0),
  );
  const items = new Map<string, { bytes: Buffer; flags: number }>();
  const areas: Area[] = [{ what: 'table of items', from: 0, length: 64 * 1024 }];
  for (let at = 32; at < 32 + 32 * count; at += 32) {
    const [from, length] = [table.readUInt32LE(at + 16), table.readUInt32LE(at + 20)];
    areas.push({ what: 'item', from, length });
    assert.equal(table.readUInt32LE(at + 28), 0);
    items.set(guidAt(table, at), { bytes: file.read(region.from + from, length), flags: table.readUInt32LE(at + 24) });
  }
  checkAreas(region.length, areas);
  const take = (id: string, flags: number, length?: number): Buffer => {
    const item = items.get(id);
    assert(item, `no item ${id}`);
    assert.equal(item.flags, flags);
    if (length !== undefined) assert.equal(item.bytes.length, length);
    items.delete(id);
    return item.bytes;
  };
  const parameters = take(ids.fileParameters, 4, 8);
  const blockSize = parameters.readUInt32LE(0);
  assert(blockSize >= mib && blockSize <= 256 * mib && Number.isInteger(Math.log2(blockSize)));
  const hasParent = parameters.readUInt32LE(4) === 2;
  assert(hasParent || parameters.readUInt32LE(4) === 0);
  const virtualSize = Number(take(ids.virtualDiskSize, 6, 8).readBigUInt64LE());
  const sectorSize = take(ids.logicalSectorSize, 6, 4).readUInt32LE();
  assert(sectorSize === 512 || sectorSize === 4096);
  assert(virtualSize > 0 && virtualSize % sectorSize === 0 && virtualSize <= 64 * 2 ** 40);
  const physicalSectorSize = take(ids.physicalSectorSize, 6, 4).readUInt32LE();
  assert(physicalSectorSize === 512 || physicalSectorSize === 4096);
  const page83 = guidAt(take(ids.page83, 6, 16), 0);
  const parent = hasParent ? readLocator(take(ids.parentLocator, 4)) : null;
  assert.equal(items.size, 0, 'items that nobody knows');
  return { blockSize, virtualSize, sectorSize, physicalSectorSize, page83, parent };
}

/** 2.6.2.6. */
function readLocator(bytes: Buffer): Map<string, string> {
  assert.equal(guidAt(bytes, 0), ids.vhdxLocator);
  assert.equal(bytes.readUInt16LE(16), 0);
  const entries = new Map<string, string>();
  const count = bytes.readUInt16LE(18);
  const areas: Area[] = [{ what: 'locator', from: 0, length: 20 + 12 * count }];
  for (let at = 20; at < 20 + 12 * count; at += 12) {
    const text = (n: number): string => {
      const [from, length] = [bytes.readUInt32LE(at + 4 * n), bytes.readUInt16LE(at + 8 + 2 * n)];
      assert(length > 0 && length % 2 === 0);
      areas.push({ what: 'text', from, length });
      return bytes.toString('utf16le', from, from + length);
    };
    entries.set(text(0), text(1));
  }
  checkAreas(bytes.length, areas);
  assert.equal(entries.size, count);
  return entries;
}

/** 2.5.1. */
function readEntries(file: Image, { from, length }: Omit<Area, 'what'>): Entry[] {
  const bytes = file.read(from, length);
  const entries: Entry[] = [];
  let reserved = 0;
  for (let at = 0; at < length; at += 8) {
    const low = bytes.readUInt32LE(at);
    reserved |= low & 0xffff8;
    entries.push({ state: low & 7, place: bytes.readUInt32LE(at + 4) * 2 ** 32 + (low - (low & 7)) });
  }
  assert.equal(reserved, 0);
  return entries;
}

/** 2.5.1.1 and 2.5.1.2. */
function checkStates(payload: readonly Entry[], bitmaps: readonly Entry[], isChild: boolean, chunkRatio: number): void {
  const valid = isChild ? [0, 2, 6, 7] : [2, 6];
  for (const [n, { state, place }] of payload.entries()) {
    if (!valid.includes(state) || (state >= 6 ? place < mib : place !== 0))
      assert.fail(`block ${n}: ${state}, ${place}`);
    if (state === 7) assert.equal(bitmaps[Math.floor(n / chunkRatio)]?.state, 6, 'no bitmap for a partial block');
  }
  for (const { state, place } of bitmaps) assert(isChild && state === 6 ? place >= mib : state === 0 && place === 0);
}

function isUsed({ state, place }: Entry): boolean {
  return state !== 0 || place !== 0;
}

function isPresent({ state }: Entry): boolean {
  return state >= 6;
}
