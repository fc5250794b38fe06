/**
 * Block devices as /sys shows them: what stands on a device, and on which devices and files a folder stands.
 * A device is named `major:minor`.
 */
import type { BigIntStats } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Mount, mountHolding, readMounts, readSwaps } from './mounts.ts';

/** What lies beneath a folder or file. */
export interface Storage {
  readonly devices: Set<string>;
  /** Files that are beneath it as loop devices, by `fileIdentity`. */
  readonly files: Set<string>;
}

/** `major:minor` of a device number of stat(2). */
export function deviceName(number: bigint): string {
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** `major:minor` of the device at a path. */
export async function deviceNumber(path: string): Promise<string> {
  return deviceName((await stat(path, { bigint: true })).rdev);
}

/** The same; null of what is no block device, or cannot be looked at. */
export async function blockDeviceAt(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch(() => null);
  return found?.isBlockDevice() ? deviceName(found.rdev) : null;
}

/** What tells a file from every other on the machine. */
export function fileIdentity(file: BigIntStats): string {
  return `${file.dev}:${file.ino}`;
}

/** A device, its partitions and all that stands on them (LVM, RAID, encryption): they share its bytes. */
export async function devicesOn(device: string): Promise<Set<string>> {
  const found = new Set<string>();
  const add = async (name: string | null) => {
    if (name === null || found.has(name)) return;
    found.add(name);
    const folder = `/sys/dev/block/${name}`;
    for (const entry of await namesIn(folder)) {
      const isPartition = (await textOf(join(folder, entry, 'partition'))) !== null;
      if (isPartition) await add(await textOf(join(folder, entry, 'dev')));
    }
    for (const holder of await namesIn(join(folder, 'holders')))
      await add(await textOf(join(folder, 'holders', holder, 'dev')));
  };
  await add(device);
  return found;
}

/** Mounts of file systems that lie on one of the devices. */
export async function mountsOn(devices: ReadonlySet<string>): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const mount of await readMounts()) {
    const device = await deviceOf(mount);
    if (device !== null && devices.has(device)) mounts.push(mount);
  }
  return mounts;
}

/** Swap areas on one of the devices, by path. */
export async function swapsOn(devices: ReadonlySet<string>): Promise<string[]> {
  const swaps: string[] = [];
  for (const path of await readSwaps()) {
    const found = await statOf(path);
    if (found?.isBlockDevice() && devices.has(deviceName(found.rdev))) swaps.push(path);
  }
  return swaps;
}

/** Loop devices that show a file. */
export async function loopsOf(file: BigIntStats): Promise<string[]> {
  const loops: string[] = [];
  for (const name of await namesIn('/sys/block')) {
    const backing = await backingFile(join('/sys/block', name));
    const device = await textOf(join('/sys/block', name, 'dev'));
    if (device !== null && backing !== null && fileIdentity(backing) === fileIdentity(file)) loops.push(device);
  }
  return loops;
}

/** All that lies beneath a folder or file: its device, the disk of that partition, what LVM put it on, and so on. */
export async function storageUnder(path: string): Promise<Storage> {
  const storage: Storage = { devices: new Set(), files: new Set() };
  await addFileSystem(storage, await realpath(path), await readMounts());
  return storage;
}

/** Whether a folder or file lies on one of the devices. */
export async function liesOn(path: string, devices: ReadonlySet<string>): Promise<boolean> {
  const beneath = await storageUnder(path);
  return [...beneath.devices].some((device) => devices.has(device));
}

async function addFileSystem(storage: Storage, path: string, mounts: readonly Mount[]): Promise<void> {
  const device = deviceName((await stat(path, { bigint: true })).dev);
  const mount = mountHolding(mounts, path);
  if (!device.startsWith('0:')) await addDevice(storage, device, mounts);
  else if (mount !== undefined) await addDevice(storage, await deviceOf(mount), mounts);
}

/** Btrfs and some others give their volumes numbers of their own, 0:n; then the source names the device. */
async function deviceOf(mount: Mount): Promise<string | null> {
  if (!mount.device.startsWith('0:')) return mount.device;
  const source = mount.source.startsWith('/') ? await statOf(mount.source) : null;
  return source?.isBlockDevice() ? deviceName(source.rdev) : null;
}

async function addDevice(storage: Storage, device: string | null, mounts: readonly Mount[]): Promise<void> {
  if (device === null || storage.devices.has(device)) return;
  storage.devices.add(device);
  // The real path of a partition lies in the folder of its disk. Without /sys (a chroot) only the device itself is known.
  const folder = await unlessGone(realpath(`/sys/dev/block/${device}`), null);
  if (folder === null) return;
  const isPartition = (await textOf(join(folder, 'partition'))) !== null;
  if (isPartition) await addDevice(storage, await textOf(join(dirname(folder), 'dev')), mounts);
  for (const slave of await namesIn(join(folder, 'slaves'))) {
    await addDevice(storage, await textOf(join(folder, 'slaves', slave, 'dev')), mounts);
  }
  const backing = await textOf(join(folder, 'loop', 'backing_file'));
  const file = backing === null ? null : await statOf(backing);
  if (backing === null || file === null) return;
  storage.files.add(fileIdentity(file));
  await addFileSystem(storage, backing, mounts);
}

async function backingFile(folder: string): Promise<BigIntStats | null> {
  const path = await textOf(join(folder, 'loop', 'backing_file'));
  return path === null ? null : statOf(path);
}

/**
 * Devices come and go while they are looked at: what is not there any more is not there. So is what lies on a mount whose
 * server died, such as the file of a loop device that a killed drive left (ENOTCONN; ECONNABORTED at the moment of its end).
 */
async function unlessGone<Result>(found: Promise<Result>, otherwise: Result): Promise<Result> {
  try {
    return await found;
  } catch (error) {
    if (
      ['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'ENOTCONN', 'ECONNABORTED', 'ESTALE'].includes(
        (error as NodeJS.ErrnoException).code ?? '',
      )
    )
      return otherwise;
    throw error;
  }
}

function statOf(path: string): Promise<BigIntStats | null> {
  return unlessGone<BigIntStats | null>(stat(path, { bigint: true }), null);
}

function namesIn(folder: string): Promise<string[]> {
  return unlessGone(readdir(folder), []);
}

async function textOf(path: string): Promise<string | null> {
  return (await unlessGone<string | null>(readFile(path, 'utf8'), null))?.trimEnd() ?? null;
}
