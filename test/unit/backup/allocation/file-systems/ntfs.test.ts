import { readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { bytesIn, complement, covers } from '../../../../../src/backup/allocation/extents.ts';
import { readGeometry } from '../../../../../src/backup/allocation/ntfs/boot-sector.ts';
import { FileTable, recordOf } from '../../../../../src/backup/allocation/ntfs/file-table.ts';
import { readMemoryFiles } from '../../../../../src/backup/allocation/ntfs/memory-files.ts';
import { attributeType } from '../../../../../src/backup/allocation/ntfs/record.ts';
import { extentsOfRuns } from '../../../../../src/backup/allocation/ntfs/runs.ts';
import { announce, run } from '../../../mount/attach/images.ts';
import { scratchMemory } from '../../../scratch.ts';
import { withImage } from '../volumes.ts';
import { kinds, mountFuse, onMount } from './kinds.ts';
import { change, provenMap, reasonOf, usedOf } from './proof.ts';

const kind = kinds.ntfs;
const mebibyte = 1024 * 1024;

describe.skipIf(announce('ntfs.test.ts', kind.whyNot))('the map of NTFS', () => {
  let image: string;
  beforeEach(async () => {
    image = join(await scratchMemory(), 'image');
  });

  const write = (work: (at: string) => void) => onMount(image, mountFuse('ntfs-3g', 'rw'), work);

  it('is found where the bitmap is in two pieces', async () => {
    kind.make(image, 16 * mebibyte, ['-c', '512']);
    const before = await usedOf(kind, image);
    const [[start = 0, length = 0] = []] = await withImage(image, (volume) => runsOf(volume, recordOf.bitmap));
    const [[mft = 0] = []] = await withImage(image, (volume) => runsOf(volume, recordOf.mft));
    const last = start + length - 512;
    const free = complement(before, 16 * mebibyte).find(([offset]) => offset > start)?.[0] as number;
    change(image, (file) => {
      const bitmap = Buffer.alloc(length);
      readSync(file, bitmap, 0, length, start);
      setBit(bitmap, free / 512, true);
      setBit(bitmap, last / 512, false);
      writeSync(file, bitmap.subarray(0, length - 512), 0, length - 512, start);
      writeSync(file, bitmap.subarray(length - 512), 0, 512, free);
      writeSync(file, Buffer.alloc(512, 0xff), 0, 512, last);
      const record = Buffer.alloc(1024);
      readSync(file, record, 0, 1024, mft + recordOf.bitmap * 1024);
      const pairs = Buffer.of(0x21, length / 512, 0, 0);
      pairs.writeUInt16LE(start / 512, 2);
      const at = record.indexOf(pairs);
      // The last attribute becomes longer by 8 bytes.
      const [attribute, end] = [at - 0x40, record.readUInt32LE(24)];
      expect(record.readUInt32LE(attribute)).toBe(attributeType.data);
      record.copy(record, end, end - 8, end);
      record.writeUInt32LE(end + 8, 24);
      record.writeUInt32LE(record.readUInt32LE(attribute + 4) + 8, attribute + 4);
      record.fill(0, at, at + 16);
      record.set([0x21, length / 512 - 1, pairs.readUInt8(2), pairs.readUInt8(3), 0x31, 1], at);
      record.writeIntLE((free - start) / 512, at + 6, 3);
      writeSync(file, record, 0, 1024, mft + recordOf.bitmap * 1024);
    });
    expect(await piecesOf(image, recordOf.bitmap)).toBe(2);
    expect(bytesIn(await provenMap(kind, image))).toBe(bytesIn(before));
  });

  it('with sectors and records of 4096 bytes is proven', async () => {
    kind.make(image, 32 * mebibyte, ['-s', '4096', '-c', '16384']);
    write((at) => {
      for (let n = 0; n < 50; n++) writeFileSync(join(at, `file${n}`), 'x'.repeat(5000));
    });
    await provenMap(kind, image);
  });

  it('tells the files in which Windows keeps memory, with what is stored of them', async () => {
    kind.make(image, 32 * mebibyte, []);
    expect(await withImage(image, readMemoryFiles)).toEqual([]);
    const content = Buffer.alloc(3 * mebibyte, 'memory');
    write((at) => {
      for (let n = 0; n < 300; n++) writeFileSync(join(at, `a file with a long name ${n}`), '');
      writeFileSync(join(at, 'pagefile.sys'), content);
      writeFileSync(join(at, 'SwapFile.sys'), content.subarray(0, mebibyte));
      writeFileSync(join(at, 'hiberfil.sys'), Buffer.alloc(mebibyte));
    });
    const files = await withImage(image, readMemoryFiles);
    expect(files.map(({ name }) => name).sort()).toEqual(['hiberfil.sys', 'pagefile.sys', 'swapfile.sys']);
    const used = await usedOf(kind, image);
    for (const { name, extents } of files) {
      expect(covers(used, extents)).toBe(true);
      expect(bytesIn(extents)).toBe(name === 'pagefile.sys' ? content.length : mebibyte);
    }
    const [[start] = [-1]] = files.find(({ name }) => name === 'pagefile.sys')?.extents ?? [];
    change(image, (file) => {
      const bytes = Buffer.alloc(100);
      readSync(file, bytes, 0, 100, start);
      expect(bytes.equals(content.subarray(0, 100))).toBe(true);
    });
  });

  it.each([
    ['hibr and more', `hibr${'x'.repeat(5000)}`],
    ['WAKE and more', `WAKE${'x'.repeat(5000)}`],
    ['too little', 'x'],
  ])('of a Windows that sleeps is not known: its file begins with %s', async (_, content) => {
    kind.make(image, 16 * mebibyte, []);
    write((at) => writeFileSync(join(at, 'hiberfil.sys'), content));
    expect(await reasonOf(kind, image)).toBe('it belongs to a Windows that sleeps');
  });

  it('of a dirty one is not known, nor of one whose file table is not like its copy', async () => {
    kind.make(image, 16 * mebibyte, []);
    run('ntfsfix', image);
    expect(await reasonOf(kind, image)).toBe('it is marked as dirty');
    run('ntfsfix', '--clear-dirty', image);
    expect(await reasonOf(kind, image)).toBe('');
    const { mirrorAt, clusterSize } = await withImage(image, readGeometry);
    change(image, (file) => writeSync(file, Buffer.of(7), 0, 1, mirrorAt * clusterSize + 60));
    expect(await reasonOf(kind, image)).toBe('the beginning of its file table is not like its copy');
  });

  it('is known when the newest restart page of the log says that it is clean', async () => {
    kind.make(image, 16 * mebibyte, []);
    const logs: [first: RestartPage, second: RestartPage, reason: RegExp][] = [
      [{ lsn: 5n, flags: 2 }, { lsn: 4n, flags: 0 }, /^$/],
      [{ lsn: 5n, flags: 0, users: 0xffff }, { lsn: 4n, flags: 0 }, /^$/],
      [{ lsn: 4n, flags: 2 }, { lsn: 5n, flags: 0 }, /^its log is not clean/],
      [{ lsn: 5n, flags: 0 }, { lsn: 4n, flags: 2 }, /^its log is not clean/],
      [{ lsn: 5n, flags: 2, version: 2 }, { lsn: 4n, flags: 2 }, /^its log is kept open/],
      [{ lsn: 5n, flags: 2, torn: true }, { lsn: 4n, flags: 2 }, /torn/],
    ];
    const at = await withImage(image, placeOfLog);
    for (const [first, second, reason] of logs) {
      change(image, (file) => writeSync(file, Buffer.concat([restartPage(first), restartPage(second)]), 0, 8192, at));
      expect(await reasonOf(kind, image)).toMatch(reason);
    }
    change(image, (file) => writeSync(file, Buffer.alloc(8192), 0, 8192, at));
    expect(await reasonOf(kind, image)).toBe('its log is damaged');
  });

  it('of one that has its own tables as free is not known', async () => {
    kind.make(image, 16 * mebibyte, []);
    const at = await withImage(image, async (volume) => (await runsOf(volume, recordOf.bitmap))[0]?.[0]);
    change(image, (file) => writeSync(file, Buffer.of(0), 0, 1, at));
    expect(await reasonOf(kind, image)).toMatch(/^its bitmap has parts of its own file \d as free$/);
  });
});

function setBit(bitmap: Buffer, bit: number, set: boolean): void {
  const mask = 1 << (bit & 7);
  const byte = bitmap[bit >> 3] as number;
  bitmap[bit >> 3] = set ? byte | mask : byte & ~mask;
}

async function runsOf(volume: Parameters<typeof readGeometry>[0], number: number) {
  const table = await FileTable.open(volume, await readGeometry(volume));
  const value = await table.value(await table.record(number), attributeType.data);
  return extentsOfRuns(value?.runs ?? [], table.geometry.clusterSize);
}

async function piecesOf(image: string, number: number): Promise<number> {
  return (await withImage(image, (volume) => runsOf(volume, number))).length;
}

async function placeOfLog(volume: Parameters<typeof readGeometry>[0]): Promise<number> {
  return (await runsOf(volume, recordOf.log))[0]?.[0] as number;
}

interface RestartPage {
  readonly lsn: bigint;
  readonly flags: number;
  readonly users?: number;
  readonly version?: number;
  readonly torn?: boolean;
}

/** As Windows writes them, as far as they are read. */
function restartPage({ lsn, flags, users = 0, version = 1, torn = false }: RestartPage): Buffer {
  const page = Buffer.alloc(4096);
  page.write('RSTR', 0);
  page.writeUInt16LE(30, 4);
  page.writeUInt16LE(9, 6);
  page.writeUInt32LE(4096, 16);
  page.writeUInt32LE(4096, 20);
  page.writeUInt16LE(48, 24);
  page.writeUInt16LE(1, 26);
  page.writeUInt16LE(version, 28);
  page.writeBigUInt64LE(lsn, 48);
  page.writeUInt16LE(users, 60);
  page.writeUInt16LE(flags, 62);
  for (const at of [30, ...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => n * 512 - 2)]) page.writeUInt16LE(0x1234, at);
  if (torn) page.writeUInt16LE(0x1233, 1022);
  return page;
}
