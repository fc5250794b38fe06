import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLayout, readPartitionTable } from '../../../../src/repository/layout/layout.ts';
import { scratchFolder } from '../../scratch.ts';
import { gptDisk, linuxType, mbrDisk, readFrom, setMbrEntry } from './disks.ts';

const mebibyte = 1024 * 1024;
const table = (disk: Buffer) => readPartitionTable(readFrom(disk), disk.length);

/** What the system's own tool finds: number, offset and length of each partition. */
async function partx(disk: Buffer): Promise<number[][]> {
  const image = join(await scratchFolder(), 'disk.img');
  await writeFile(image, disk);
  const words = ['--raw', '--noheadings', '--output', 'NR,START,SECTORS', image];
  const lines = execFileSync('partx', words, { encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => {
    const [number = 0, start = 0, sectors = 0] = line.split(' ').map(Number);
    return [number, start * 512, sectors * 512];
  });
}

describe('readPartitionTable', () => {
  it('finds primary and logical partitions as the system does', async () => {
    const disk = mbrDisk();
    const { scheme, partitions } = await table(disk);
    expect(scheme).toBe('mbr');
    expect(partitions.map(({ number, type }) => [number, type])).toEqual([
      [1, '83'],
      [2, '07'],
      [3, '0f'],
      [5, '83'],
      [6, '83'],
      [7, '83'],
    ]);
    const found = partitions
      .filter(({ number }) => number !== 3)
      .map(({ number, offset, length }) => [number, offset, length]);
    // The length of an extended partition is told as two sectors, so that nobody uses it.
    expect(found).toEqual((await partx(disk)).filter(([number]) => number !== 3));
  });

  it('finds the partitions of a GPT as the system does', async () => {
    const disk = gptDisk();
    const { scheme, partitions } = await table(disk);
    expect(scheme).toBe('gpt');
    expect(partitions).toEqual([
      { number: 1, offset: mebibyte, length: mebibyte, type: linuxType, name: 'root' },
      { number: 3, offset: 2 * mebibyte, length: mebibyte, type: linuxType, name: 'größer 😀' },
    ]);
    expect(partitions.map(({ number, offset, length }) => [number, offset, length])).toEqual(await partx(disk));
  });

  it('finds a GPT with sectors of 4096 bytes', async () => {
    expect(await table(gptDisk(4096))).toMatchObject({
      scheme: 'gpt',
      partitions: [{ offset: mebibyte }, { offset: 2 * mebibyte }],
    });
  });

  it('takes the second copy of a GPT when the first is damaged, and none when both are', async () => {
    for (const at of [512, 530, 600, 1024, 1100]) {
      const disk = gptDisk();
      disk[at] = (disk[at] ?? 0) ^ 1;
      expect((await table(disk)).partitions).toHaveLength(2);
      disk.fill(0, disk.length - 512);
      expect(await table(disk)).toEqual({ scheme: 'none', partitions: [] });
    }
  });

  it('finds none on an empty disk, a disk too small, and a disk that begins with a file system', async () => {
    const boot = Buffer.alloc(mebibyte, 0xeb);
    boot.writeUInt16LE(0xaa55, 510);
    for (const disk of [Buffer.alloc(mebibyte), Buffer.alloc(100), boot]) {
      expect(await table(disk)).toEqual({ scheme: 'none', partitions: [] });
    }
  });

  it('leaves out what lies outside the disk', async () => {
    const disk = Buffer.alloc(mebibyte);
    setMbrEntry(disk, 0, 0, 0x83, 64, 128);
    setMbrEntry(disk, 0, 1, 0x83, 2000, 100);
    setMbrEntry(disk, 0, 2, 0x05, 0xffffffff, 0xffffffff);
    setMbrEntry(disk, 0, 3, 0x83, 0, 10);
    expect((await table(disk)).partitions.map(({ number }) => number)).toEqual([1]);
  });

  it('ends in a chain of logical partitions that is a ring', async () => {
    const disk = mbrDisk();
    setMbrEntry(disk, 4096 * 512, 1, 0x05, 0, 1024);
    expect(await table(disk)).toEqual(await table(mbrDisk()));
  });

  it('throws at nothing and names nothing outside the disk, whatever stands there', async () => {
    const templates = [mbrDisk(), gptDisk(), gptDisk(4096)];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...templates),
        fc.array(fc.tuple(fc.nat(4096 + 600), fc.integer({ min: 0, max: 255 })), { maxLength: 20 }),
        fc.integer({ min: 1, max: 4 * mebibyte }),
        async (template, changes, size) => {
          const disk = Buffer.from(template.subarray(0, size));
          for (const [at, byte] of changes) if (at < disk.length) disk[at] = byte;
          const { partitions } = await table(disk);
          for (const { offset, length } of partitions) {
            expect(offset).toBeGreaterThan(0);
            expect(length).toBeGreaterThan(0);
            expect(offset + length).toBeLessThanOrEqual(size);
          }
        },
      ),
    );
  });
});

describe('readLayout', () => {
  const layout = (disk: Buffer) => readLayout(readFrom(disk), disk.length);

  it.each(['ext2', 'ext3', 'ext4'])('knows %s on a whole disk and in a partition', async (type) => {
    const image = join(await scratchFolder(), 'fs.img');
    await writeFile(image, Buffer.alloc(8 * mebibyte));
    execFileSync('mke2fs', ['-q', '-F', '-t', type, image]);
    const fileSystem = await readFile(image);
    expect(await layout(fileSystem)).toEqual({ scheme: 'none', fileSystem: type, partitions: [] });
    const disk = gptDisk();
    fileSystem.copy(disk, mebibyte, 0, mebibyte);
    expect(await layout(disk)).toMatchObject({
      scheme: 'gpt',
      fileSystem: null,
      partitions: [{ fileSystem: type }, { fileSystem: null }],
    });
  });

  it('knows swap', async () => {
    const image = join(await scratchFolder(), 'swap.img');
    await writeFile(image, Buffer.alloc(mebibyte));
    execFileSync('mkswap', [image], { stdio: 'ignore' });
    expect(await layout(await readFile(image))).toMatchObject({ fileSystem: 'swap' });
  });

  it.each([
    ['xfs', 0, 'XFSB'],
    ['btrfs', 0x10040, '_BHRfS_M'],
    ['ntfs', 3, 'NTFS    '],
    ['exfat', 3, 'EXFAT   '],
    ['vfat', 82, 'FAT32   '],
    ['luks', 0, 'LUKS\u00ba\u00be'],
    ['lvm', 512, 'LABELONE'],
    ['raid', 0, '\u00fcN+\u00a9'],
    ['raid', 4096, '\u00fcN+\u00a9'],
    ['bitlocker', 3, '-FVE-FS-'],
    ['iso9660', 0x8001, 'CD001'],
  ])('knows %s', async (name, offset, magic) => {
    const disk = Buffer.alloc(mebibyte);
    disk.write(magic, offset, 'latin1');
    expect(await layout(disk)).toMatchObject({ fileSystem: name });
  });
});
