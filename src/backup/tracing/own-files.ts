/** The files that a driver keeps in the file system that it follows. */
import { existsSync } from 'node:fs';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { native } from '../../native.ts';
import { deviceNumber, mountsOn } from '../../repository/devices.ts';
import type { Extents } from '../allocation/allocation.ts';
import { extentsOf } from '../allocation/extents.ts';

/** FIEMAP_EXTENT_UNKNOWN, DELALLOC and ENCODED: they lie nowhere yet, or nobody knows where. */
const placeless = 0x2 | 0x4 | 0x8;

/** Where the file system of a device is mounted writable. */
export async function foldersOf(device: string): Promise<readonly string[]> {
  const mounts = (await mountsOn(new Set([await deviceNumber(device)]))).filter(({ writable }) => writable);
  const folders: string[] = [];
  // A single file may be mounted elsewhere, too.
  for (const { at } of mounts) if ((await stat(at).catch(() => null))?.isDirectory()) folders.push(at);
  return folders;
}

/** The path of a file in it; null when it is not there. */
export async function findFile(device: string, name: string): Promise<string | null> {
  return (await foldersOf(device)).map((at) => join(at, name)).find((path) => existsSync(path)) ?? null;
}

/** It lies in the file system of the device, which may be mounted elsewhere by now. */
export async function removeFile(device: string, file: string): Promise<void> {
  if (!existsSync(device)) return;
  const folders = await foldersOf(device);
  if (folders.length === 0) throw new Error(`${device} is not mounted writable, and ${basename(file)} is still in it`);
  for (const at of folders) await rm(join(at, basename(file)), { force: true });
}

/** When the driver wrote to its file for the last time, which it does when it goes to rest. */
export async function touched(file: FileHandle): Promise<string> {
  return `${(await file.stat({ bigint: true })).mtimeNs}`;
}

export async function touchedAt(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    return await touched(file);
  } finally {
    await file.close();
  }
}

/** The bytes of a device of `size` bytes that a file in it takes up; null when that cannot be told of all of it. */
export async function placesOf(path: string, size: number): Promise<Extents | null> {
  const file = await open(path, 'r');
  try {
    const extents = await native.fileExtents(file.fd).catch(() => null);
    return extents === null ? null : runsOf(extents, (await file.stat()).size, size);
  } finally {
    await file.close();
  }
}

/** Extents of a file as runs of the device; null when a part of it has no place, or one outside. */
function runsOf(extents: Float64Array, length: number, size: number): Extents | null {
  const runs: [number, number][] = [];
  let end = 0;
  for (let at = 0; at < extents.length; at += 4) {
    const [logical = 0, physical = 0, count = 0, flags = 0] = extents.subarray(at, at + 4);
    if (logical > end || (flags & placeless) !== 0 || physical + count > size) return null;
    end = logical + count;
    runs.push([physical, count]);
  }
  return end < length ? null : extentsOf(runs);
}
