/** Who holds a mounted folder or a device, so that "busy" can be said with a name. Looks at links and texts only. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { fail, type StrataError } from '../errors.ts';
import { concurrently } from '../repository/concurrently.ts';
import { isWithin, type Mount, parseMountinfo, readMounts, readSwaps } from '../repository/mounts.ts';
import { commandOf, processIds, procText } from './processes.ts';

export interface Holder {
  /** Null for the kernel itself. */
  readonly pid: number | null;
  readonly command: string;
  /** As in "bash (4711) works in /mnt/a". */
  readonly what: string;
}

export interface Held {
  /** Where file systems are mounted here. */
  readonly folders: readonly string[];
  /** `/dev/loop3`. */
  readonly devices: readonly string[];
}

const atOnce = 8;
/** A file system's server in user space has the device open as long as it is mounted. */
const servers = ['ntfs-3g', 'mount.ntfs', 'mount.ntfs-3g'];

/** All who hold one of these. A process is named once, with the first thing that it holds. */
export async function findHolders(held: Held): Promise<Holder[]> {
  const self = await readlink('/proc/self/ns/mnt');
  const namespaces = new Set([self]);
  const found = await concurrently(await processIds(), atOnce, async (pid) => {
    const what = (await heldByProcess(pid, held)) ?? (await heldByNamespace(pid, held, namespaces));
    return what === null ? null : { pid, command: await commandOf(pid), what };
  });
  return [...found.filter((holder) => holder !== null), ...(await heldByKernel(held))];
}

/** The error that names them. */
export function busy(what: string, holders: readonly Holder[]): StrataError {
  const names = holders.map(({ pid, command, what: how }) => `${command}${pid === null ? '' : ` (${pid})`} ${how}`);
  return fail('IN_USE', { what, holders: names.join(', ') || 'the system does not tell by whom' });
}

async function heldByProcess(pid: number, { folders, devices }: Held): Promise<string | null> {
  const folder = `/proc/${pid}`;
  const isHeld = (path: string | null): path is string => path !== null && folders.some((at) => isWithin(path, at));
  for (const [name, how] of [
    ['cwd', 'works in'],
    ['root', 'has its root in'],
    ['exe', 'runs'],
  ] as const) {
    const path = await linkOf(`${folder}/${name}`);
    if (isHeld(path)) return `${how} ${path}`;
  }
  for (const name of await namesIn(`${folder}/fd`)) {
    const path = await linkOf(`${folder}/fd/${name}`);
    const isDevice = path !== null && devices.includes(path) && !servers.includes(await commandOf(pid));
    if (isHeld(path) || isDevice) return `has ${path} open`;
  }
  if (folders.length === 0) return null;
  // Address, access, offset, device, inode, path.
  const maps = (await procText(pid, 'maps'))?.split('\n') ?? [];
  const mapped = maps.map((line) => /^(?:\S+\s+){5}(\/.*)$/.exec(line)?.[1] ?? null).find(isHeld);
  return mapped === undefined || mapped === null ? null : `has ${mapped} mapped`;
}

/**
 * A container may have a mount of its own of what was unmounted here; the first process of it is named. As long as it is
 * mounted here nothing can be said: most copies go with the original.
 */
async function heldByNamespace(pid: number, { folders, devices }: Held, seen: Set<string>): Promise<string | null> {
  if (folders.length > 0) return null;
  const namespace = await linkOf(`/proc/${pid}/ns/mnt`);
  if (namespace === null || seen.has(namespace)) return null;
  seen.add(namespace);
  const mounts = parseMountinfo((await procText(pid, 'mountinfo')) ?? '');
  const mount = mounts.find(({ source }) => devices.includes(source));
  return mount === undefined ? null : `has ${mount.source} mounted at ${mount.at} in its mount namespace`;
}

async function heldByKernel({ folders, devices }: Held): Promise<Holder[]> {
  const isInside = (path: string) => folders.some((at) => path !== at && isWithin(path, at));
  const isOther = ({ at, source }: Mount) => devices.includes(source) && !folders.includes(at);
  const what: string[] = [];
  for (const mount of await readMounts()) {
    if (isInside(mount.at) || isOther(mount)) what.push(`has ${mount.source} mounted at ${mount.at}`);
  }
  for (const path of await readSwaps()) {
    if (isInside(path) || devices.includes(path)) what.push(`swaps on ${path}`);
  }
  for (const name of await namesIn('/sys/block')) {
    const file = await lineOf(`/sys/block/${name}/loop/backing_file`);
    if (file !== null && isInside(file)) what.push(`shows ${file} as /dev/${name}`);
  }
  for (const device of devices) {
    for (const name of await namesIn(`/sys/block/${basename(device)}/holders`)) {
      what.push(`has ${(await lineOf(`/sys/block/${name}/dm/name`)) ?? name} on ${device}`);
    }
  }
  return what.map((text) => ({ pid: null, command: 'the kernel', what: text }));
}

async function linkOf(path: string): Promise<string | null> {
  return readlink(path).catch(() => null);
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function lineOf(path: string): Promise<string | null> {
  return (await readFile(path, 'utf8').catch(() => null))?.trimEnd() ?? null;
}
