/** What a restore is to write to, and whether it may. Looks only: nothing is written here. */
import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, realpath, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fail, fromNative, fromSystem } from '../errors.ts';
import { native } from '../native.ts';
import { deviceName, devicesOn, fileIdentity, loopsOf, mountsOn, storageUnder, swapsOn } from './devices.ts';
import type { Repository } from './repository.ts';

/** What the target is for, and what the user allowed. */
export interface TargetRequest {
  readonly to: string;
  /** Of the image that it is to be. */
  readonly format: string;
  readonly delta: boolean;
  readonly force: boolean;
}

export interface Target {
  /** Without symbolic links. */
  readonly path: string;
  /** `new` makes a file or replaces one by a whole new one; the others write in place. */
  readonly kind: 'new' | 'file' | 'device';
  /** Permissions of the file that is there. */
  readonly mode: number | null;
}

/** Looks at a target, and refuses one that must not, or was not allowed to, be overwritten. */
export async function inspectTarget(repo: Repository, request: TargetRequest): Promise<Target> {
  const { format, delta, force } = request;
  const given = resolve(request.to);
  const found = await statOf(given);
  const path = await realPathOf(given, found);
  await requireOutside(repo, path, found);
  if (found === null) {
    if (delta) throw fail('TARGET_MISSING', { path });
    return { path, kind: 'new', mode: null };
  }
  if (!found.isFile() && !found.isBlockDevice()) throw fail('TARGET_UNSUITABLE', { path });
  if (found.isBlockDevice() && format !== 'raw') throw fail('DEVICE_TAKES_RAW', { path, format });
  // First what no option allows: nobody should be told to use --force in vain.
  if (found.isBlockDevice()) await requireUnused(path, deviceName(found.rdev));
  if (!delta && !force) throw fail('TARGET_EXISTS', { path });
  if (found.isFile()) {
    // A file that is replaced stays as it was for whoever has it open; one that is written in place does not.
    const attached = delta && (await loopsOf(found)).length > 0;
    if (attached) throw fail('TARGET_IN_USE', { path, reason: 'it is attached as a loop device' });
    return { path, kind: delta ? 'file' : 'new', mode: Number(found.mode) & 0o777 };
  }
  return { path, kind: 'device', mode: null };
}

/**
 * Makes sure that what is to be written fits: TARGET_TOO_SMALL for a device that has less than `length` bytes,
 * NO_SPACE for a new file on a file system that has less than `stored` bytes free.
 */
export async function requireRoom({ path, kind }: Target, length: number, stored: number): Promise<void> {
  if (kind === 'device') await requireLarge(path, length);
  if (kind !== 'new') return;
  const folder = dirname(path);
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < stored) {
    throw fail('NO_SPACE', { what: `${path} needs ${stored} bytes, ${bavail * bsize} are free in ${folder}` });
  }
}

async function statOf(path: string): Promise<BigIntStats | null> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fromSystem(error, `cannot open target ${path}`);
  }
}

async function realPathOf(given: string, found: BigIntStats | null): Promise<string> {
  if (found !== null) return realpath(given);
  const folder = dirname(given);
  try {
    const dangling = await lstat(given).catch(() => null);
    if (dangling !== null) throw fail('TARGET_UNSUITABLE', { path: given });
    return join(await realpath(folder), basename(given));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw fail('TARGET_MISSING', { path: folder }, { cause: error });
    throw fromSystem(error, `cannot open ${folder}`);
  }
}

async function requireOutside(repo: Repository, path: string, found: BigIntStats | null): Promise<void> {
  if (repo.store.folder === null) return;
  const repository = await realpath(repo.store.folder);
  if (path === repository || path.startsWith(join(repository, '/'))) throw fail('TARGET_IN_REPOSITORY', { path });
  if (found === null) return;
  const storage = await storageUnder(repository);
  const holds = found.isFile() ? storage.files.has(fileIdentity(found)) : storage.devices.has(deviceName(found.rdev));
  if (holds) throw fail('REPOSITORY_IN_TARGET', { path });
}

/** Whatever is allowed, nobody overwrites what a file system, swap or a volume group lies on. */
async function requireUnused(path: string, device: string): Promise<void> {
  const devices = await devicesOn(device);
  const [mount] = await mountsOn(devices);
  if (mount !== undefined) throw fail('TARGET_MOUNTED', { path, where: mount.at });
  const [swap] = await swapsOn(devices);
  if (swap !== undefined) throw fail('TARGET_IN_USE', { path, reason: `${swap} is swapped on` });
}

async function requireLarge(path: string, needed: number): Promise<void> {
  const device = await openDevice(path, constants.O_RDONLY);
  try {
    const available = native.sizeOf(device.fd);
    if (available < needed) throw fail('TARGET_TOO_SMALL', { path, available, needed });
  } catch (error) {
    throw fromNative(error, path);
  } finally {
    await device.close();
  }
}

/** Opens a block device for this process alone: the kernel refuses when it, or a part of it, is claimed by another. */
export async function openDevice(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, flags | constants.O_EXCL);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw fromSystem(error, `cannot open target ${path}`);
    throw fail('TARGET_IN_USE', { path, reason: 'the system or another program holds it' }, { cause: error });
  }
}
