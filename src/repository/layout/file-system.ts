/** What a partition, or a disk without partitions, holds: told by the marks that file systems and volumes begin with. */

interface Mark {
  readonly name: string;
  readonly offset: number;
  readonly bytes: Buffer;
}

/** So many bytes from the beginning hold every mark. */
export const headLength = 0x10050;

const marks: readonly Mark[] = [
  // First: where a member begins its own mark, older bytes may remain around it.
  mark('raid', 4096, '\u00fcN+\u00a9'),
  mark('raid', 0, '\u00fcN+\u00a9'),
  mark('bitlocker', 3, '-FVE-FS-'),
  mark('luks', 0, 'LUKS\u00ba\u00be'),
  mark('lvm', 512, 'LABELONE'),
  mark('xfs', 0, 'XFSB'),
  mark('btrfs', 0x10040, '_BHRfS_M'),
  mark('ntfs', 3, 'NTFS    '),
  mark('exfat', 3, 'EXFAT   '),
  mark('vfat', 82, 'FAT32   '),
  mark('vfat', 54, 'FAT16   '),
  mark('vfat', 54, 'FAT12   '),
  mark('swap', 4086, 'SWAPSPACE2'),
  mark('iso9660', 0x8001, 'CD001'),
  mark('squashfs', 0, 'hsqs'),
];

const extMagic = 0x438;
const extFeatures = { compatible: 0x45c, incompatible: 0x460 };
const journal = 0x4;
const extents = 0x40;

/** The name of what begins with these bytes; null when it is nothing known. */
export function identifyFileSystem(head: Buffer): string | null {
  const found = marks.find(({ offset, bytes }) => head.subarray(offset, offset + bytes.length).equals(bytes));
  return found?.name ?? identifyExt(head);
}

function identifyExt(head: Buffer): string | null {
  if (head.length < 0x464 || head.readUInt16LE(extMagic) !== 0xef53) return null;
  if ((head.readUInt32LE(extFeatures.incompatible) & extents) !== 0) return 'ext4';
  return (head.readUInt32LE(extFeatures.compatible) & journal) !== 0 ? 'ext3' : 'ext2';
}

function mark(name: string, offset: number, text: string): Mark {
  return { name, offset, bytes: Buffer.from(text, 'latin1') };
}
