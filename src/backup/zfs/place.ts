/** Where in ZFS a source lies: it is a volume, or a file in a file system. */
import { readdir, realpath, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { blockDeviceAt, deviceNumber } from '../../repository/devices.ts';
import { mountHolding, readMounts } from '../../repository/mounts.ts';
import { placed } from '../driver-root.ts';
import type { Source } from '../source.ts';
import { isDataset, volumes } from './tool.ts';

export type Place =
  | { readonly kind: 'volume'; readonly dataset: string }
  | {
      readonly kind: 'file';
      readonly dataset: string;
      /** The folder that shows the snapshots of the dataset, and the path of the file in each. */
      readonly snapshots: string;
      readonly within: string;
    };

/** Of statfs(2). */
const zfsMagic = 0x2fc12fc1;
/** Inode numbers of `.zfs` and of `.zfs/snapshot`, which no file has. */
const [controlInode, snapshotsInode] = [0xffffffffffffn, 0xfffffffffffdn];

/** Those of sources: asked once, for all volumes are looked at each time. */
const places = new WeakMap<Source, Promise<Place | string>>();

/** The place of a source, or why it has none. */
export function placeOf(source: Source): Promise<Place | string> {
  const known = places.get(source) ?? find(source);
  places.set(source, known);
  return known;
}

async function find(source: Source): Promise<Place | string> {
  if (source.kind === 'device') return placeOfDevice(source.path);
  return source.kind === 'file' ? placeOfFile(source.path) : 'it is neither a device nor a file';
}

/** The path of the device of a volume, as udev names it: it has no blanks. */
export function devicePath(dataset: string): string {
  return join(placed('/dev/zvol'), dataset.replaceAll(' ', '+'));
}

async function placeOfDevice(path: string): Promise<Place | string> {
  const number = await deviceNumber(path);
  // Whoever has no volumes is not asked for them.
  const hasVolumes = (await readdir(placed('/dev/zvol')).catch(() => [])).length > 0;
  for (const dataset of hasVolumes ? await volumes() : []) {
    if ((await blockDeviceAt(devicePath(dataset))) === number) return { kind: 'volume', dataset };
  }
  const known = basename(await realpath(`/sys/dev/block/${number}`).catch(() => ''));
  return /^zd\d+$/.test(known) ? 'no name in /dev/zvol leads to it (does udev run?)' : 'it is no volume of ZFS';
}

async function placeOfFile(path: string): Promise<Place | string> {
  if ((await statfs(path)).type !== zfsMagic) return 'it does not lie on ZFS';
  const file = await realpath(path);
  const mount = mountHolding(await readMounts(), file);
  if (mount === undefined) return 'its dataset is not mounted';
  if (mount.source.includes('@')) return 'it lies in a snapshot already';
  const { dev } = await stat(file);
  for (let folder = dirname(file); (await stat(folder)).dev === dev; folder = dirname(folder)) {
    const snapshots = join(folder, '.zfs/snapshot');
    if ((await inodeOf(dirname(snapshots))) === controlInode) {
      if ((await inodeOf(snapshots)) !== snapshotsInode) break;
      if (!(await isDataset(mount.source))) return `zfs knows of no dataset ${mount.source} here`;
      return { kind: 'file', dataset: mount.source, snapshots, within: relative(folder, file) };
    }
    if (folder === dirname(folder)) break;
  }
  return 'the snapshots of its dataset cannot be reached (snapdir=disabled, or only a part of it is mounted)';
}

async function inodeOf(path: string): Promise<bigint | null> {
  return (await stat(path, { bigint: true }).catch(() => null))?.ino ?? null;
}
