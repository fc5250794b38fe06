import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { vhd } from '../../../../src/mount/formats/vhd.ts';
import { scratchFolder } from '../../scratch.ts';
import { requestOf, sizes } from './cases.ts';
import { gib, makeDisk, mib, tib, writeDisk } from './disks.ts';
import { imageOf, writeImage } from './image.ts';
import { noQemu, noVhdi, qemuCompare, qemuSize, vhdiCompare, vhdiInfo, warnOfMissing } from './tools.ts';

warnOfMissing('vhd.test.ts', noQemu, noVhdi);

const cases = sizes.map((size, n) => [size, makeDisk(requestOf(size, n))] as const);

/** The footer of the image of a disk of `size` bytes. */
function footerOf(size: number, over: Partial<Parameters<typeof vhd.layout>[0]> = {}): Buffer {
  const disk = makeDisk({ seed: 7, size });
  const image = imageOf(vhd.layout({ ...disk.point, ...over }), disk);
  return image.read(image.size - 512, 512);
}

describe('a VHD', () => {
  it.each([1, 512, mib + 1, mib + 512, 5 * gib, 2040 * gib])(
    'of %i bytes has the footer of the specification',
    (size) => {
      const footer = footerOf(size);
      const rounded = BigInt(Math.ceil(size / 512) * 512);
      expect(footer.toString('latin1', 0, 8)).toBe('conectix');
      expect([footer.readUInt32BE(8), footer.readUInt32BE(12)]).toEqual([2, 0x10000]);
      expect(footer.readBigUInt64BE(16)).toBe(0xffffffffffffffffn);
      expect(footer.readUInt32BE(24)).toBe(Date.UTC(2026, 10, 20, 10) / 1000 - 946684800);
      expect(footer.toString('latin1', 28, 32)).toBe('win ');
      expect(footer.toString('latin1', 36, 40)).toBe('Wi2k');
      expect([footer.readBigUInt64BE(40), footer.readBigUInt64BE(48)]).toEqual([rounded, rounded]);
      expect(footer.readUInt32BE(60)).toBe(2);
      const sum = footer.reduce((total, byte, at) => total + (at >= 64 && at < 68 ? 0 : byte), 0);
      expect(footer.readUInt32BE(64)).toBe(2 ** 32 - 1 - sum);
      expect(footer.subarray(84).every((byte) => byte === 0)).toBe(true);
    },
  );

  it.each([
    [mib, 30, 4, 17],
    [4 * mib, 120, 4, 17],
    [127 * mib, 1019, 15, 17],
    [504 * mib, 1024, 16, 63],
    [40 * gib, 20560, 16, 255],
    [127 * gib, 65278, 16, 255],
    [2040 * gib, 65535, 16, 255],
  ])('of %i bytes has the geometry %i, %i, %i', (size, cylinders, heads, sectors) => {
    const footer = footerOf(size);
    expect([footer.readUInt16BE(56), footer.readUInt8(58), footer.readUInt8(59)]).toEqual([cylinders, heads, sectors]);
  });

  it.skipIf(noQemu)('has the geometry that qemu has for its size', async () => {
    const folder = await scratchFolder();
    for (const size of [1, 5, 17, 100, 127, 200, 300, 504, 600, 1000, 4000, 31_000, 33_000, 90_000, 130_000]) {
      const path = join(folder, `${size}.vhd`);
      execFileSync('qemu-img', ['create', '-q', '-f', 'vpc', path, `${size}M`]);
      // qemu rounds the size up to what the geometry expresses.
      const theirs = (await readFile(path)).subarray(0, 512);
      const ours = footerOf(Number(theirs.readBigUInt64BE(48)));
      expect(ours.subarray(40, 60).toString('hex')).toBe(theirs.subarray(40, 60).toString('hex'));
    }
  });

  it('has another id for another point, and its time as far as the field goes', () => {
    const id = (footer: Buffer) => footer.toString('hex', 68, 84);
    expect(id(footerOf(mib))).toMatch(/^.{12}8.{3}[89ab].{15}$/);
    expect(id(footerOf(mib))).toBe(id(footerOf(gib)));
    expect(id(footerOf(mib, { id: 'b'.repeat(24) }))).not.toBe(id(footerOf(mib)));
    expect(footerOf(mib, { time: '1999-12-31T23:59:59Z' }).readUInt32BE(24)).toBe(0);
    expect(footerOf(mib, { time: '2300-01-01T00:00:00Z' }).readUInt32BE(24)).toBe(0xffffffff);
  });

  it('holds disks up to 2040 GiB with sectors of 512 bytes', () => {
    expect(vhd.whyNot({ size: 2040 * gib, sectorSize: 512 })).toBeNull();
    expect(vhd.whyNot({ size: 2040 * gib + 1, sectorSize: 512 })).toBe('it has more than 2040 GiB');
    expect(vhd.whyNot({ size: tib, sectorSize: 4096 })).toMatch(/^its sectors have 4096 bytes/);
  });

  it.skipIf(noQemu).each(cases)('of %i bytes is read by qemu', async (size, disk) => {
    const folder = await scratchFolder();
    const [path, rawPath] = [join(folder, 'disk.vhd'), join(folder, 'disk.raw')];
    await writeImage(path, vhd.layout(disk.point), disk);
    await writeDisk(rawPath, disk);
    expect(await qemuSize('vpc', path)).toBe(Math.ceil(size / 512) * 512);
    await qemuCompare('vpc', path, rawPath);
  });

  it.skipIf(noVhdi).each(cases)('of %i bytes is read by libvhdi', async (size, disk) => {
    const folder = await scratchFolder();
    const [path, rawPath] = [join(folder, 'disk.vhd'), join(folder, 'disk.raw')];
    await writeImage(path, vhd.layout(disk.point), disk);
    await writeDisk(rawPath, disk);
    expect((await vhdiInfo(path)).get('Disk type')).toBe('Fixed');
    expect(await vhdiCompare(rawPath, path)).toBe(Math.ceil(size / 512) * 512);
  });
});
