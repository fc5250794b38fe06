/** What a source is, and whether it may be backed up into this repository. Looks only, writes nothing. */
import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fail, fromNative, fromSystem } from '../errors.ts';
import type { NbdExport } from '../native/source.ts';
import { native } from '../native.ts';
import { deviceName, devicesOn, fileIdentity, loopsOf, mountsOn, storageUnder } from '../repository/devices.ts';
import { nearestFolder } from '../repository/stores/create.ts';
import { isNbdUri, nameOfExport, parseNbdUri } from './nbd/uri.ts';

export interface Source {
  /** As reports show it: absolute, a URI, or `-`. */
  readonly path: string;
  readonly kind: 'file' | 'device' | 'stream' | 'nbd';
  /** What the addon opens or reads; of kind `nbd` a handle, once it is connected (nbd/connect.ts). */
  readonly input: string | { readonly fd: number } | NbdExport;
  /** Bytes; null for a stream, and for an export that is not connected. */
  readonly size: number | null;
  /** Where file systems on it are mounted writable: its content may change while it is read. */
  readonly mountedAt: readonly string[];
  /** Of an export: whether its server takes writes, and so others may change it. */
  readonly isShared?: boolean;
}

/**
 * Looks at a source, and refuses what cannot be backed up into the repository at `folder`, which need not be there yet;
 * null: the repository is in no folder.
 */
export async function inspectSource(folder: string | null, given: string): Promise<Source> {
  if (given === '-') return { path: '-', kind: 'stream', input: { fd: 0 }, size: null, mountedAt: [] };
  const path = absoluteSource(given);
  if (isNbdUri(given)) return { path, kind: 'nbd', input: path, size: null, mountedAt: [] };
  const found = await statSource(path);
  if (found.isDirectory()) throw fail('SOURCE_IS_DIRECTORY', { path });
  if (found.isFIFO()) return { path, kind: 'stream', input: path, size: null, mountedAt: [] };
  if (!found.isFile() && !found.isBlockDevice()) throw fail('SOURCE_UNSUITABLE', { path });
  if (folder !== null) await requireOutside(folder, path, found);
  const size = await sizeOf(path);
  if (size === 0) throw fail('SOURCE_EMPTY', { path });
  const kind = found.isFile() ? 'file' : 'device';
  return { path, kind, input: path, size, mountedAt: await writableMounts(found) };
}

/** A source that means the same from every folder: USAGE when it is an address that cannot be read. */
export function absoluteSource(source: string): string {
  return isNbdUri(source) ? parseNbdUri(source).path : resolve(source);
}

/** The disk's name when none is given. */
export function defaultDiskName(source: string): string {
  if (source === '-') return 'stdin';
  return isNbdUri(source) ? nameOfExport(parseNbdUri(source)) : basename(resolve(source));
}

async function statSource(path: string): Promise<BigIntStats> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw fail('SOURCE_MISSING', { path }, { cause: error });
    throw fromSystem(error, `cannot open source ${path}`);
  }
}

async function requireOutside(folder: string, path: string, found: BigIntStats): Promise<void> {
  const nearest = await nearestFolder(folder);
  const place = await realpath(nearest);
  const isThere = nearest === folder;
  if (isThere && (await realpath(path)).startsWith(join(place, '/'))) throw fail('SOURCE_IN_REPOSITORY', { path });
  const storage = await storageUnder(place);
  const holds = found.isFile() ? storage.files.has(fileIdentity(found)) : storage.devices.has(deviceName(found.rdev));
  if (holds) throw fail('REPOSITORY_IN_SOURCE', { path });
}

async function sizeOf(path: string): Promise<number> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return native.sizeOf(file.fd);
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === 'open') throw fromSystem(error, `cannot open source ${path}`);
    throw fromNative(error, path);
  }
}

async function writableMounts(found: BigIntStats): Promise<string[]> {
  const roots = found.isFile() ? await loopsOf(found) : [deviceName(found.rdev)];
  const devices = new Set<string>();
  for (const root of roots) for (const device of await devicesOn(root)) devices.add(device);
  return (await mountsOn(devices)).filter(({ writable }) => writable).map(({ at }) => at);
}
