import { execFileSync } from 'node:child_process';
import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { allocationOf, type DiskAllocation } from '../../../../src/backup/allocation/disk.ts';
import { bytesIn } from '../../../../src/backup/allocation/extents.ts';
import { scratchMemory } from '../../scratch.ts';
import { volumeOfBytes, withImage } from './volumes.ts';

const mib = 1024 ** 2;

it.each(['gpt', 'dos'])('asks each partition, and takes all else for used: %s', async (scheme) => {
  const { image, part, found } = await diskWith(`label: ${scheme}
    start=2048, size=16384, type=L
    start=20480, size=8192, type=S
    start=30720, size=8192, type=L`);
  await part('mkfs.ext4', 1 * mib, 8 * mib, ['-q', '-F']);
  await part('mkswap', 10 * mib, 4 * mib, []);
  const { volumes, unallocated } = await found();
  expect(volumes).toMatchObject([
    { partition: 1, offset: mib, size: 8 * mib, fileSystem: 'ext4', used: expect.any(Number), reason: null },
    { partition: 2, offset: 10 * mib, size: 4 * mib, fileSystem: 'swap', used: 4096, reason: null },
    { partition: 3, size: 4 * mib, fileSystem: null, used: null, reason: 'nothing known is in it' },
  ]);
  expect(bytesIn(unallocated)).toBe(12 * mib - (volumes[0]?.used ?? 0) - 4096);
  for (const [offset, length] of unallocated) {
    const inside = [volumes[0], volumes[1]].some(
      (it) => it !== undefined && offset >= it.offset && offset + length <= it.offset + it.size,
    );
    expect(inside).toBe(true);
  }
  expect(image).not.toBe('');
});

it('looks into the logical partitions, not into what holds them', async () => {
  const { part, found } = await diskWith(`label: dos
    start=2048, size=40960, type=E
    start=4096, size=16384, type=L
    start=24576, size=16384, type=L`);
  await part('mkfs.ext4', 2 * mib, 8 * mib, ['-q', '-F']);
  const { volumes, unallocated } = await found();
  expect(volumes).toMatchObject([
    { partition: 5, fileSystem: 'ext4' },
    { partition: 6, fileSystem: null },
  ]);
  expect(bytesIn(unallocated)).toBe(8 * mib - (volumes[0]?.used ?? 0));
});

it('takes what overlaps for used where one of the two uses it', async () => {
  const { part, found } = await diskWith(`label: dos
    start=2048, size=16384, type=L`);
  await part('mkfs.ext4', mib, 8 * mib, ['-q', '-F']);
  const alone = await found();
  await part('write', 0, 512, [], (bytes) => {
    bytes.copy(bytes, 446 + 16, 446, 446 + 16);
    bytes.writeUInt32LE(4096, 446 + 16 + 8);
    bytes.writeUInt32LE(4096, 446 + 16 + 12);
  });
  const both = await found();
  expect(both.volumes).toMatchObject([
    { partition: 1, fileSystem: 'ext4' },
    { partition: 2, fileSystem: null },
  ]);
  const free = (at: DiskAllocation) =>
    at.unallocated.filter(([offset, length]) => offset + length > 2 * mib && offset < 4 * mib);
  expect(free(alone)).not.toEqual([]);
  expect(free(both)).toEqual([]);
});

it('does not choose when there are marks of two', async () => {
  const { image, part, found } = await diskWith('');
  await part('mkfs.ext4', 0, 20 * mib, ['-q', '-F']);
  expect((await found()).unallocated).not.toEqual([]);
  await put(image, 4096 - 10, Buffer.from('SWAPSPACE2'));
  expect(await found()).toMatchObject({ unallocated: [], volumes: [{ reason: 'it may be ext4 or swap' }] });
});

it('does not take a member of a RAID for what the array holds', async () => {
  const { image, part, found } = await diskWith('');
  await part('mkfs.ext4', 0, 20 * mib, ['-q', '-F']);
  await truncate(image, 20 * mib + 64 * 1024);
  expect((await found()).unallocated).not.toEqual([]);
  await put(image, 20 * mib, Buffer.from('fc4e2ba9', 'hex'));
  expect(await found()).toMatchObject({ unallocated: [], volumes: [{ reason: 'it is a member of a RAID' }] });
});

it('takes a disk of partitions that begins as a file system for used', async () => {
  const { image, part, found } = await diskWith(`label: dos
    start=2048, size=16384, type=L`);
  await part('mkfs.ext4', mib, 8 * mib, ['-q', '-F']);
  await put(image, 1024 + 0x38, Buffer.from('53ef', 'hex'));
  expect(await found()).toMatchObject({ unallocated: [], volumes: [{ partition: null, used: null }] });
});

it.each([1, 511, 512, 2047, 2048, 4096, 70_000])('answers for a disk of %i bytes', async (size) => {
  for (const filling of [0, 0xff]) {
    const { unallocated } = await allocationOf(volumeOfBytes(Buffer.alloc(size, filling)));
    expect(unallocated).toEqual([]);
  }
});

/** A disk of 20 MiB and more, partitioned by sfdisk. */
async function diskWith(table: string) {
  const image = join(await scratchMemory(), 'disk');
  await writeFile(image, '');
  await truncate(image, 24 * mib);
  if (table !== '') execFileSync('sfdisk', ['-q', image], { input: table });
  else await truncate(image, 20 * mib);
  /** Runs a program on a part of the disk, or changes it by hand. */
  const part = async (
    program: string,
    offset: number,
    length: number,
    words: string[],
    change?: (bytes: Buffer) => void,
  ) => {
    const bytes = Buffer.alloc(length);
    const file = await open(image, 'r+');
    await file.read(bytes, 0, length, offset);
    if (change !== undefined) change(bytes);
    else {
      const alone = `${image}.part`;
      await writeFile(alone, bytes, { mode: 0o600 });
      execFileSync(program, [...words, alone], { stdio: 'pipe' });
      const made = await open(alone);
      await made.read(bytes, 0, length, 0);
      await made.close();
    }
    await file.write(bytes, 0, length, offset);
    await file.close();
  };
  return { image, part, found: () => withImage(image, allocationOf) };
}

async function put(image: string, at: number, bytes: Buffer): Promise<void> {
  const file = await open(image, 'r+');
  await file.write(bytes, 0, bytes.length, at);
  await file.close();
}
