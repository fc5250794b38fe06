/**
 * A VMDK of type "vmfs": a descriptor, which is text, and beside it an extent, which is the disk itself. Source:
 * Virtual Disk Format 5.0, VMware, 2011: "The Descriptor File", "The Header", "The Extents", "The Disk Database".
 *
 * "vmfs" and not "monolithicFlat", because ESXi takes no other, and Workstation and qemu take both (sanbarrow.com, "Disk-type
 * table"; qemu, block/vmdk.c, vmdk_open_desc_file).
 * The extent is "RW" though nobody can write to it in a mount: qemu passes over extents with any other access.
 *
 * An extent is a whole number of sectors. In the mount it is disk.raw, which has the disk's exact size: a disk that
 * ends within a sector has no descriptor there. `extent()` gives what an export writes beside its descriptor.
 */
import { createHash } from 'node:crypto';
import { type DiskShape, type Format, roundUp, tebibyte } from './format.ts';
import { raw } from './raw.ts';
import type { Layout, PointDisk } from './segment.ts';

export const vmdk: Format = {
  fileName: 'disk.vmdk',
  sizeOf: ({ size }) => describe(size, noContent, raw.fileName).length,
  whyNot,
  layout: (disk) => descriptor(disk, raw.fileName),
};

const sectorSize = 512;
const largest = 62 * tebibyte;
const heads = 255;
const sectorsPerTrack = 63;
const noContent = '00000000';

function whyNot(disk: DiskShape): string | null {
  if (disk.size % sectorSize !== 0) return 'its size is no multiple of 512';
  return whyNotExported(disk);
}

/** Why no VMDK can be exported, as `Format.whyNot` says it: its extent is made for it and may be padded. */
export function whyNotExported({ size, sectorSize: own }: DiskShape): string | null {
  if (size > largest) return 'it has more than 62 TiB';
  // A partition table counts in sectors: read with others, it would not be found.
  return own === sectorSize ? null : `its sectors have ${own} bytes, those of a VMDK always 512`;
}

/** The descriptor for an extent in a file beside it. The format has no escapes: its name holds no quote, no line break. */
export function descriptor(disk: PointDisk, extentName: string): Layout {
  const bytes = describe(disk.size, contentId(disk.id), extentName);
  return { size: bytes.length, segments: [{ kind: 'literal', bytes }] };
}

/** The descriptor's text; it is as long whatever the id of the content. */
function describe(size: number, content: string, extentName: string): Buffer {
  const sectors = Math.ceil(size / sectorSize);
  const lines = [
    '# Disk DescriptorFile',
    'version=1',
    'encoding="UTF-8"',
    `CID=${content}`,
    'parentCID=ffffffff',
    'createType="vmfs"',
    '',
    '# Extent description',
    `RW ${sectors} VMFS "${extentName}"`,
    '',
    '# The Disk Data Base',
    '#DDB',
    '',
    'ddb.virtualHWVersion = "4"',
    `ddb.geometry.cylinders = "${Math.ceil(sectors / (heads * sectorsPerTrack))}"`,
    `ddb.geometry.heads = "${heads}"`,
    `ddb.geometry.sectors = "${sectorsPerTrack}"`,
    'ddb.adapterType = "lsilogic"',
    '',
  ];
  return Buffer.from(lines.join('\n'));
}

/** The disk in whole sectors. */
export function extent(disk: PointDisk): Layout {
  const size = roundUp(disk.size, sectorSize);
  return { size, segments: [{ kind: 'disk', offset: 0, length: size }] };
}

/** "The Header": changes with the content. Below 0x80000000, since ffffffff and fffffffe mean "no parent", "new". */
function contentId(pointId: string): string {
  const digest = createHash('sha256').update(`strata vmdk content 1 ${pointId}`).digest();
  return (digest.readUInt32BE(0) >>> 1).toString(16).padStart(8, '0');
}
