/** What an image holds and what of it is to become devices and mounted folders. Looks only. */
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, fromSystem } from '../../errors.ts';
import { readLayout } from '../../repository/layout/layout.ts';
import { waysToMount } from './file-systems.ts';
import { inspectFolder } from './folders.ts';

export interface Part {
  /** Null for a disk without partitions. */
  readonly number: number | null;
  /** Bytes; length 0 means to the end of the image. */
  readonly offset: number;
  readonly length: number;
  readonly fileSystem: string | null;
  /** Where it is to be mounted, if it can be. */
  readonly at: string | null;
}

export interface DrivePlan {
  /** By its real path, as the kernel tells it. */
  readonly image: string;
  /** Whether the disk as a whole becomes a device beside its parts. */
  readonly hasDisk: boolean;
  readonly parts: readonly Part[];
}

export interface PlanRequest {
  readonly image: string;
  /** What the image shows, for messages. */
  readonly point: string;
  /** Where the repository is. */
  readonly repository: string;
  /** Only this partition; null for the whole disk. */
  readonly partition: number | null;
  /** The folder to mount in; null to mount nothing. */
  readonly at: string | null;
}

/** Partitions that hold only the table of others. */
const containers = ['05', '0f', '85'];

/** Reads the partition table of an image, and decides. */
export async function planDrive({ partition, at, ...request }: PlanRequest): Promise<DrivePlan> {
  const image = await realpath(request.image).catch((error: unknown) => {
    throw fromSystem(error, `cannot open ${request.image}`);
  });
  const { fileSystem, partitions } = await readImage(image);
  const folder = at === null ? null : await inspectFolder(at, request.repository);
  const placed = (part: Omit<Part, 'at'>, place: string | null): Part => {
    return { ...part, at: waysToMount(part.fileSystem, false).length > 0 ? place : null };
  };
  const parts = partitions.filter(({ type }) => !containers.includes(type));
  if (partition !== null) {
    const part = parts.find(({ number }) => number === partition);
    const known = parts.map(({ number }) => number).join(', ') || 'none';
    if (part === undefined) throw fail('PARTITION_NOT_FOUND', { point: request.point, partition, known });
    return { image, hasDisk: false, parts: [placed(part, folder)] };
  }
  if (parts.length === 0) {
    return { image, hasDisk: false, parts: [placed({ number: null, offset: 0, length: 0, fileSystem }, folder)] };
  }
  const folderOf = (number: number) => (folder === null ? null : join(folder, `${number}`));
  return { image, hasDisk: true, parts: parts.map((part) => placed(part, folderOf(part.number))) };
}

async function readImage(path: string) {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw fromSystem(error, `cannot open ${path}`);
  });
  try {
    const found = await file.stat();
    if (!found.isFile()) throw fail('IMAGE_UNSUITABLE', { path, reason: 'it is not a file' });
    if (found.size === 0) throw fail('IMAGE_UNSUITABLE', { path, reason: 'it is empty' });
    return await readLayout((offset, length) => readAt(file, offset, length), found.size);
  } catch (error) {
    throw fromSystem(error, `cannot read ${path}`);
  } finally {
    await file.close();
  }
}

/** What lies behind the end reads as zeros. */
async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes;
}
