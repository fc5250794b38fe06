/**
 * A fixed VHD: the disk in whole sectors and behind it a footer. Source: Virtual Hard Disk Image Format Specification,
 * version 1.0, Microsoft, October 2006: "Hard Disk Footer Format", "Fixed Hard Disk Image" and, for the geometry,
 * "Appendix: CHS Calculation". Everything is big-endian.
 *
 * The geometry can't express most sizes, so readers differ in which field they believe. The creator application
 * decides: qemu takes the geometry from images of "vpc " and "qemu" (before 10.0 from all that it doesn't know) and the
 * current size from those of "win ", which is Hyper-V's own (block/vpc.c, vpc_open). Hyper-V and libvhdi always take
 * the current size. So the image says "win ", in the version that Hyper-V writes; only then do all agree on the size.
 */
import { type DiskShape, type Format, gibibyte, roundUp } from './format.ts';
import { makeGuid, uuidBytes } from './guid.ts';
import { LayoutBuilder } from './layout-builder.ts';
import type { Layout, PointDisk } from './segment.ts';

export const vhd: Format = { fileName: 'disk.vhd', sizeOf, whyNot, layout };

const sectorSize = 512;
const footerSize = 512;
const largest = 2040 * gibibyte;
const epoch = Date.UTC(2000, 0, 1) / 1000;
const creator = { application: 'win ', version: 0x000a0000, system: 'Wi2k' };
const noOffset = 0xffffffffffffffffn;
const fixedDisk = 2;

function whyNot({ size, sectorSize: own }: DiskShape): string | null {
  if (size > largest) return 'it has more than 2040 GiB';
  // A partition table counts in sectors: read with others, it would not be found.
  return own === sectorSize ? null : `its sectors have ${own} bytes, those of a VHD always 512`;
}

function sizeOf({ size }: DiskShape): number {
  return roundUp(size, sectorSize) + footerSize;
}

function layout(disk: PointDisk): Layout {
  const image = new LayoutBuilder();
  image.disk(0, roundUp(disk.size, sectorSize));
  image.literal(footer(disk, image.size));
  return image.finish();
}

/** "Hard Disk Footer Format". */
function footer(disk: PointDisk, size: number): Buffer {
  const { cylinders, heads, sectors } = geometry(size / sectorSize);
  const bytes = Buffer.alloc(footerSize);
  bytes.write('conectix', 0, 'latin1');
  bytes.writeUInt32BE(2, 8); // features: the bit that is always set
  bytes.writeUInt32BE(0x00010000, 12); // format version
  bytes.writeBigUInt64BE(noOffset, 16);
  bytes.writeUInt32BE(timestamp(disk.time), 24);
  bytes.write(creator.application, 28, 'latin1');
  bytes.writeUInt32BE(creator.version, 32);
  bytes.write(creator.system, 36, 'latin1');
  bytes.writeBigUInt64BE(BigInt(size), 40); // original size
  bytes.writeBigUInt64BE(BigInt(size), 48); // current size
  bytes.writeUInt16BE(cylinders, 56);
  bytes.writeUInt8(heads, 58);
  bytes.writeUInt8(sectors, 59);
  bytes.writeUInt32BE(fixedDisk, 60);
  uuidBytes(makeGuid(disk.id, 'vhd disk')).copy(bytes, 68);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.writeUInt32BE(~sum >>> 0, 64);
  return bytes;
}

/** Seconds since 2000, as far as the field goes. */
function timestamp(time: string): number {
  return Math.min(Math.max(Math.floor(Date.parse(time) / 1000) - epoch, 0), 0xffffffff);
}

/** "Appendix: CHS Calculation". */
function geometry(totalSectors: number): { cylinders: number; heads: number; sectors: number } {
  const total = Math.min(totalSectors, 65535 * 16 * 255);
  let sectors = 255;
  let heads = 16;
  if (total < 65535 * 16 * 63) {
    sectors = 17;
    heads = Math.max(Math.ceil(Math.floor(total / sectors) / 1024), 4);
    if (Math.floor(total / sectors) >= heads * 1024 || heads > 16) [sectors, heads] = [31, 16];
    if (Math.floor(total / sectors) >= heads * 1024) [sectors, heads] = [63, 16];
  }
  return { cylinders: Math.floor(Math.floor(total / sectors) / heads), heads, sectors };
}
