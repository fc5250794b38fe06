import { readSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { bytesIn, covers } from '../../../../../src/backup/allocation/extents.ts';
import { fatAllocation } from '../../../../../src/backup/allocation/fat.ts';
import { randomFrom } from '../../../../model/random.ts';
import { announce } from '../../../mount/attach/images.ts';
import { scratchMemory } from '../../../scratch.ts';
import { volumeOfBytes } from '../volumes.ts';
import { bytesByFsck } from './fat-files.ts';
import { kinds } from './kinds.ts';
import { change, provenMap, reasonOf, usedOf } from './proof.ts';

const mebibyte = 1024 * 1024;

describe.skipIf(announce('fat.test.ts', kinds.vfat.whyNot))('the map of FAT', () => {
  const kind = kinds.vfat;
  let image: string;
  beforeEach(async () => {
    image = join(await scratchMemory(), 'image');
  });

  it.each([
    [12, 4, 40, ['-s', '2']],
    [16, 24, 40, ['-f', '1']],
    [32, 80, 40, ['-s', '1', '-S', '1024']],
    // With too few clusters for a FAT32, which mtools do not like.
    [32, 20, 0, ['-s', '4']],
  ])('of %i bits with %i MiB has as many clusters as fsck counts', async (bits, mebibytes, files, options) => {
    kind.make(image, mebibytes * mebibyte, ['-F', `${bits}`, '-a', ...options]);
    if (files > 0) kind.age(image, randomFrom(bits), files);
    expect(bytesIn(await usedOf(kind, image))).toBe(bytesByFsck(image));
  });

  it.each([
    [16, 32, 0x7fff],
    [16, 32, 0xbfff],
    [32, 64, 0x07ffffff],
    [32, 64, 0x0bffffff],
  ])('of %i bits is not known when its second entry says %i MiB', async (bits, mebibytes, entry) => {
    kind.make(image, mebibytes * mebibyte, ['-F', `${bits}`]);
    expect(await reasonOf(kind, image)).toBe('');
    changeTables(image, bits / 8, entry);
    expect(await reasonOf(kind, image)).toBe('it is marked as dirty, or as having failed');
  });

  it.each([
    [12, 4, 37],
    [16, 32, 37],
    [32, 64, 65],
  ])('of %i bits is not known when its boot sector says that it is dirty', async (bits, mebibytes, at) => {
    kind.make(image, mebibytes * mebibyte, ['-F', `${bits}`]);
    change(image, (file) => writeSync(file, Buffer.of(1), 0, 1, at));
    expect(await reasonOf(kind, image)).toBe('it is marked as dirty');
  });

  it('is not known when its tables differ, or when it is larger than its volume', async () => {
    kind.make(image, 32 * mebibyte, ['-F', '16']);
    const { tableStart } = tablesOf(image);
    change(image, (file) => writeSync(file, Buffer.of(9), 0, 1, tableStart + 300));
    expect(await reasonOf(kind, image)).toBe('its tables are not equal');
    truncateSync(image, 16 * mebibyte);
    expect(await reasonOf(kind, image)).toBe('it is larger than its volume');
  });

  it('is not known when it has too few clusters for what it is called', async () => {
    kind.make(image, 4 * mebibyte, ['-F', '12']);
    change(image, (file) => writeSync(file, 'FAT16   ', 54));
    expect(await reasonOf(kind, image)).toBe('it is called FAT16, and would be a FAT12');
  });

  it('has bad clusters, and what lies behind the file system', async () => {
    kind.make(image, 32 * mebibyte, ['-F', '16', '-s', '4']);
    const before = await usedOf(kind, image);
    changeTables(image, 200, 0xfff7, 2);
    truncateSync(image, 40 * mebibyte);
    const after = await usedOf(kind, image);
    expect(covers(after, before)).toBe(true);
    expect(bytesIn(after) - bytesIn(before)).toBe(2048 + 8 * mebibyte);
  });

  it('is nobody’s when the fields are not those of a FAT, such as in a master boot record', async () => {
    const sector = Buffer.alloc(mebibyte);
    sector.writeUInt16LE(0xaa55, 510);
    expect(await fatAllocation(volumeOfBytes(sector))).toBeNull();
    sector.write('\xeb\x63\x90', 'latin1');
    expect(await fatAllocation(volumeOfBytes(sector))).toBeNull();
    expect(await fatAllocation(volumeOfBytes(Buffer.alloc(0)))).toBeNull();
  });
});

describe.skipIf(announce('fat.test.ts', kinds.exfat.whyNot))('the map of exFAT', () => {
  const kind = kinds.exfat;
  let image: string;
  beforeEach(async () => {
    image = join(await scratchMemory(), 'image');
  });

  it('is not known when it is dirty or failed, or when its boot sectors or its bitmap are damaged', async () => {
    kind.make(image, 16 * mebibyte, []);
    const flags = (value: number) => change(image, (file) => writeSync(file, Buffer.of(value), 0, 1, 106));
    const reasons: [number, string][] = [
      [2, 'it is marked as dirty'],
      [4, 'it is marked as having failed'],
      [1, 'it has two tables'],
      [0, ''],
    ];
    for (const [value, reason] of reasons) {
      flags(value);
      expect(await reasonOf(kind, image)).toBe(reason);
    }
    change(image, (file) => writeSync(file, Buffer.of(1), 0, 1, 3000));
    expect(await reasonOf(kind, image)).toBe('the checksum of its boot sectors is wrong');
    change(image, (file) => writeSync(file, Buffer.of(0), 0, 1, 3000));
    const heap = Buffer.alloc(4);
    change(image, (file) => {
      readSync(file, heap, 0, 4, 88);
      writeSync(file, Buffer.of(0), 0, 1, heap.readUInt32LE(0) * 512);
    });
    expect(await reasonOf(kind, image)).toBe('its bitmap has parts of its own tables as free');
  });

  it('has what lies behind the file system', async () => {
    kind.make(image, 16 * mebibyte, []);
    kind.age(image, randomFrom(4), 20);
    const before = await provenMap(kind, image);
    truncateSync(image, 20 * mebibyte);
    expect(bytesIn(await usedOf(kind, image))).toBe(bytesIn(before) + 4 * mebibyte);
    truncateSync(image, 8 * mebibyte);
    expect(await reasonOf(kind, image)).toBe('it is larger than its volume');
  });
});

function tablesOf(image: string): { tableStart: number; tableLength: number } {
  const boot = Buffer.alloc(512);
  change(image, (file) => readSync(file, boot));
  const sector = boot.readUInt16LE(11);
  const length = boot.readUInt16LE(22) === 0 ? boot.readUInt32LE(36) : boot.readUInt16LE(22);
  return { tableStart: boot.readUInt16LE(14) * sector, tableLength: length * sector };
}

/** Writes an entry at this place of both tables. */
function changeTables(image: string, at: number, entry: number, length = at): void {
  const { tableStart, tableLength } = tablesOf(image);
  const bytes = Buffer.alloc(length);
  bytes.writeUIntLE(entry, 0, length);
  change(image, (file) => {
    for (const table of [0, 1]) writeSync(file, bytes, 0, length, tableStart + table * tableLength + at);
  });
}
