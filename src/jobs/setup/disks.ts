/** The disks of this machine, as they are offered for backup: what lies on each, and what speaks against one. */
import { open, readdir, readFile, realpath } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { inspectSource } from '../../backup/source.ts';
import { fail, isStrataError, reasonOf } from '../../errors.ts';
import { blockDeviceAt, devicesOn, mountsOn } from '../../repository/devices.ts';
import { type DiskLayout, readLayout } from '../../repository/layout/layout.ts';
import { isS3Location } from '../../repository/stores/s3/address.ts';

export interface FoundPart {
  readonly number: number;
  /** Bytes. */
  readonly size: number;
  readonly fileSystem: string | null;
}

export interface FoundDisk {
  /** As a job names it: a name that stays with the disk, where it has one. */
  readonly path: string;
  /** As the kernel calls it now: `sda`. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Empty when the device tells none. */
  readonly model: string;
  /** What lies on it, when it has no partitions. */
  readonly fileSystem: string | null;
  readonly parts: readonly FoundPart[];
  /** Where it, and what stands on it, is mounted or in use. */
  readonly mountedAt: readonly string[];
  /** Why it cannot be backed up; null when it can. */
  readonly obstacle: string | null;
}

/** Not disks: memory, optical and floppy drives. */
const noDisks = /^(ram|zram|sr|fd|mtdblock|nbd)\d/;
const sectorBytes = 512;

/** All disks; `repository` is the folder of the repository, which need not be there yet, null for one in no folder. */
export async function findDisks(repository: string | null): Promise<FoundDisk[]> {
  const lasting = await lastingNames('/dev/disk/by-id');
  const disks: FoundDisk[] = [];
  for (const name of (await readdir('/sys/block')).sort(byNumber)) {
    if (!noDisks.test(name)) disks.push(...(await diskNamed(name, repository, lasting)));
  }
  return disks;
}

/** The same for a repository wherever it is: a folder, or `s3://BUCKET/PREFIX`. */
export function findDisksFor(location: string): Promise<FoundDisk[]> {
  return findDisks(isS3Location(location) ? null : resolve(location));
}

/**
 * What `--all-disks` stands for: the disks themselves, whole, whatever lies on them. Not what is made of others (loop
 * devices, volumes, RAID), what is in memory or has no medium, nor the paths of a disk that several lead to.
 */
export async function findWholeDisks(): Promise<readonly { readonly source: string; readonly disk: string }[]> {
  const lasting = await lastingNames('/dev/disk/by-id');
  const disks: { source: string; disk: string }[] = [];
  for (const name of (await readdir('/sys/block')).sort(byNumber)) {
    const folder = join('/sys/block', name);
    if (noDisks.test(name) || Number((await textIn(folder, 'size')) ?? 0) === 0 || !(await isWhole(folder))) continue;
    const plain = await plainPath(name, folder);
    disks.push({ source: lasting.get(await realpath(plain).catch(() => plain)) ?? plain, disk: basename(plain) });
  }
  return disks;
}

async function isWhole(folder: string): Promise<boolean> {
  const joinsPaths = async (at: string) => (await textIn(at, 'dm/uuid'))?.startsWith('mpath-') === true;
  const place = await realpath(folder).catch(() => '');
  if (place.includes('/devices/virtual/block/')) return joinsPaths(folder);
  if (place === '' || (await textIn(folder, 'hidden')) === '1') return false;
  const holders = await readdir(join(folder, 'holders')).catch(() => []);
  for (const holder of holders) if (await joinsPaths(join(folder, 'holders', holder))) return false;
  return true;
}

/** A source that somebody names, which may be a partition or an image: fails as a backup of it would. */
export async function examineSource(repository: string | null, given: string): Promise<FoundDisk> {
  const { kind, path, size, mountedAt } = await inspectSource(repository, given);
  if (kind === 'nbd') throw fail('USAGE', { problem: `${path} is far away: save its job by strata job add` });
  if (kind === 'stream' || size === null) {
    throw fail('USAGE', { problem: `${given} is a stream: a saved job needs a disk, a partition or an image file` });
  }
  const layout = await layoutOf(path, size);
  return { path, name: basename(path), size, model: '', ...layout, mountedAt, obstacle: null };
}

/** USAGE when one of the chosen lies on another: its bytes would be backed up twice. */
export async function requireApart(paths: readonly string[]): Promise<void> {
  const found = await Promise.all(paths.map(async (path) => ({ path, device: await blockDeviceAt(path) })));
  for (const [at, { path, device }] of found.entries()) {
    const twice = found.findIndex((other) => other.path === path) !== at;
    if (twice) throw fail('USAGE', { problem: `${path} is named twice` });
    if (device === null) continue;
    const beneath = await devicesOn(device);
    const inside = found.find((other, index) => index !== at && other.device !== null && beneath.has(other.device));
    if (inside !== undefined) {
      throw fail('USAGE', { problem: `${inside.path} lies on ${path}, which is named too: choose one of them` });
    }
  }
}

/** Of several names of one device the one to keep: no bare number, and the shortest of the others. */
export function lastingNameOf(names: readonly string[]): string | undefined {
  const spoken = names.filter((name) => !/^(wwn-|nvme-eui\.|nvme-nvme\.|lvm-pv-uuid-|dm-uuid-|md-uuid-)/.test(name));
  return [...(spoken.length > 0 ? spoken : names)].sort((a, b) => a.length - b.length || (a < b ? -1 : 1))[0];
}

/** One disk, or none: of devices that something virtual is made of, or that have no medium, there is nothing to choose. */
async function diskNamed(
  name: string,
  repository: string | null,
  lasting: ReadonlyMap<string, string>,
): Promise<FoundDisk[]> {
  const folder = join('/sys/block', name);
  const size = Number((await textIn(folder, 'size')) ?? 0) * sectorBytes;
  const device = await textIn(folder, 'dev');
  const isPartOfOther = /^(dm-|md)/.test(name) && (await readdir(join(folder, 'holders')).catch(() => [])).length > 0;
  // Images of programs (snaps) are read-only loop devices.
  const isProgram = name.startsWith('loop') && (await textIn(folder, 'ro')) === '1';
  if (size === 0 || device === null || isPartOfOther || isProgram) return [];
  const plain = await plainPath(name, folder);
  const mountedAt = (await mountsOn(await devicesOn(device))).map(({ at }) => at);
  const about = { name: basename(plain), size, model: (await textIn(folder, 'device/model')) ?? '' };
  const found = { ...about, path: lasting.get(await realpath(plain).catch(() => plain)) ?? plain, mountedAt };
  try {
    await inspectSource(repository, plain);
    return [{ ...found, ...(await layoutOf(plain, size)), obstacle: null }];
  } catch (error) {
    if (isStrataError(error, 'SOURCE_MISSING', 'SOURCE_EMPTY')) return []; // gone meanwhile
    const layout = await layoutOf(plain, size).catch(() => ({ fileSystem: null, parts: [] }));
    return [{ ...found, ...layout, obstacle: obstacleOf(error) }];
  }
}

function obstacleOf(error: unknown): string {
  if (isStrataError(error, 'REPOSITORY_IN_SOURCE')) return 'holds the repository';
  return isStrataError(error, 'PERMISSION') ? 'only root can read it' : reasonOf(error);
}

/** Volumes by the name that somebody gave them. */
async function plainPath(name: string, folder: string): Promise<string> {
  const volume = await textIn(folder, 'dm/name');
  return volume === null ? join('/dev', name.replaceAll('!', '/')) : join('/dev/mapper', volume);
}

/** Device → the path that goes on naming it when the kernel finds its disks in another order. */
async function lastingNames(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string[]>();
  for (const name of await readdir(folder).catch(() => [])) {
    const device = await realpath(join(folder, name)).catch(() => null);
    if (device !== null) names.set(device, [...(names.get(device) ?? []), name]);
  }
  return new Map([...names].map(([device, all]) => [device, join(folder, lastingNameOf(all) ?? '')]));
}

async function layoutOf(path: string, size: number): Promise<Pick<FoundDisk, 'fileSystem' | 'parts'>> {
  const file = await open(path, 'r');
  try {
    const layout = await readLayout(async (offset, length) => {
      const bytes = Buffer.alloc(length);
      await file.read(bytes, 0, length, offset);
      return bytes;
    }, size);
    return { fileSystem: layout.fileSystem, parts: layout.partitions.map(partOf) };
  } finally {
    await file.close();
  }
}

function partOf({ number, length, fileSystem }: DiskLayout['partitions'][number]): FoundPart {
  return { number, size: length, fileSystem };
}

/** The one line of a file of /sys; null when it is not there. */
async function textIn(folder: string, name: string): Promise<string | null> {
  const text = await readFile(join(folder, name), 'utf8').catch(() => null);
  return text?.trim() ?? null;
}

/** `sda` before `sdb`, `loop2` before `loop10`; loop devices last. */
function byNumber(a: string, b: string): number {
  const loops = Number(a.startsWith('loop')) - Number(b.startsWith('loop'));
  return loops || a.localeCompare(b, 'en', { numeric: true });
}
