/** What each file system needs to be mounted, and what can be done with what is none. */
import { access, readFile } from 'node:fs/promises';
import { fail, type StrataError } from '../../errors.ts';

/** A driver of the kernel (or a helper `mount.DRIVER`) and its options. */
interface Way {
  readonly driver: string;
  readonly readOnly: string;
  readonly writable: string;
}

/** Nobody becomes root by a file of an image, or reaches a device of this machine. */
const always = 'nosuid,nodev';

/**
 * Read-only means that the journal is not replayed either: that would write, or fail where nothing can be written.
 * Copies have the UUID of their original, which XFS minds unless it is told not to.
 */
const ways: Readonly<Record<string, readonly Way[]>> = {
  // The ext4 driver takes all three; as ext2 it would not know the option.
  ext2: [{ driver: 'ext4', readOnly: 'ro,noload', writable: 'rw' }],
  ext3: [{ driver: 'ext4', readOnly: 'ro,noload', writable: 'rw' }],
  ext4: [{ driver: 'ext4', readOnly: 'ro,noload', writable: 'rw' }],
  xfs: [{ driver: 'xfs', readOnly: 'ro,norecovery,nouuid', writable: 'rw,nouuid' }],
  btrfs: [{ driver: 'btrfs', readOnly: 'ro,rescue=nologreplay', writable: 'rw' }],
  ntfs: [
    { driver: 'ntfs3', readOnly: 'ro', writable: 'rw' },
    { driver: 'ntfs-3g', readOnly: 'ro', writable: 'rw' },
  ],
  vfat: [{ driver: 'vfat', readOnly: 'ro', writable: 'rw' }],
  exfat: [{ driver: 'exfat', readOnly: 'ro', writable: 'rw' }],
  iso9660: [{ driver: 'iso9660', readOnly: 'ro', writable: 'ro' }],
  squashfs: [{ driver: 'squashfs', readOnly: 'ro', writable: 'ro' }],
};

/** Parts of something larger, and locked ones: what they are, and how the user gets on from the device. */
const members: Readonly<Record<string, { readonly what: string; readonly instead: string }>> = {
  luks: {
    what: 'a LUKS volume',
    instead: 'open it with cryptsetup open [--readonly] {device} NAME, then mount /dev/mapper/NAME',
  },
  bitlocker: {
    what: 'a BitLocker volume',
    instead: 'open it with cryptsetup open --type bitlk [--readonly] {device} NAME, then mount /dev/mapper/NAME',
  },
  lvm: {
    what: 'an LVM physical volume',
    instead: 'attach it --writable and give the copy a name of its own: vgimportclone --basevgname NAME {device}',
  },
  raid: {
    what: 'a member of a RAID',
    instead: 'assemble it with mdadm --assemble --run [--readonly] /dev/md/NAME {device}, then mount that',
  },
  swap: { what: 'swap space', instead: 'there are no files in it' },
};

/** A driver with the options for this time. */
export interface MountWay {
  readonly driver: string;
  readonly options: string;
}

/** How a file system can be mounted, best first; none when it is not a file system that can be. */
export function waysToMount(fileSystem: string | null, writable: boolean): MountWay[] {
  const known = fileSystem === null ? undefined : ways[fileSystem];
  return (known ?? []).map(({ driver, readOnly, writable: write }) => ({
    driver,
    options: `${writable ? write : readOnly},${always}`,
  }));
}

/** Why what a device holds is not mounted at all. */
export function whyNotMounted(fileSystem: string | null, device: string): StrataError {
  const member = fileSystem === null ? undefined : members[fileSystem];
  if (member === undefined) return fail('CONTENT_UNKNOWN', { device });
  const { what, instead } = member;
  return fail('CONTENT_NOT_MOUNTED', { device, what, instead: instead.replaceAll('{device}', device) });
}

/** Why a file system was not mounted that no driver is there for. */
export function driverMissing(fileSystem: string, device: string): StrataError {
  const instead =
    fileSystem === 'ntfs'
      ? 'the device is attached; install ntfs-3g, or load a kernel that has ntfs3'
      : `the device is attached; modprobe ${fileSystem}, or read it with a program that needs no kernel driver`;
  return fail('DRIVER_MISSING', { device, fileSystem, instead });
}

/** Whether there is a driver, seen after a mount was tried: that loads one which is a module. */
export async function hasDriver(driver: string): Promise<boolean> {
  const known = (await readFile('/proc/filesystems', 'utf8')).split('\n').map((line) => line.split('\t')[1]);
  return known.includes(driver) || (await hasHelper(driver));
}

async function hasHelper(driver: string): Promise<boolean> {
  for (const folder of ['/sbin', '/usr/sbin', '/usr/local/sbin']) {
    const found = await access(`${folder}/mount.${driver}`).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}
