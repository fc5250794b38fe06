/**
 * Restore: a point's content is written to a file or a block device. A file is written beside its name and takes
 * it when it is whole; a device, and a target of which only what differs is written, are written in place.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { fail, fromNative, fromSystem } from '../errors.ts';
import type { RestoreOptions } from '../native/restore.ts';
import { native } from '../native.ts';
import { contentReader } from '../repository/content.ts';
import type { Emit } from '../repository/events.ts';
import { readPartitionTable } from '../repository/layout/layout.ts';
import { writeNewFile } from '../repository/new-file.ts';
import type { Point } from '../repository/points.ts';
import { type Readable, requireReadable } from '../repository/preflight.ts';
import type { Repository } from '../repository/repository.ts';
import type { Restored } from '../repository/restored.ts';
import { selectPoint } from '../repository/select.ts';
import { inspectTarget, openDevice, requireRoom, type Target } from '../repository/target.ts';
import { watch } from '../repository/watch.ts';

export interface RestoreRequest {
  /** As for `selectPoint`. */
  readonly point: string;
  /** File or block device. */
  readonly to: string;
  /** Number of the partition to restore; default: the whole disk. */
  readonly partition?: number | null | undefined;
  /** Write only what differs from what stands in the target. */
  readonly delta?: boolean | undefined;
  readonly force?: boolean | undefined;
  /** Default true: zero blocks become holes. */
  readonly sparse?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

interface Task {
  readonly repo: Repository;
  readonly point: Point;
  readonly part: Part;
  readonly target: Target;
  readonly readable: Readable;
  readonly sparse: boolean;
  readonly delta: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** What of the disk is restored, in bytes. */
interface Part {
  readonly offset: number;
  readonly length: number;
}

interface Written {
  readonly bytesWritten: number;
  readonly bytesSkipped: number;
}

/** Writes a point to a file or a block device. */
export async function restore(
  repo: Repository,
  request: RestoreRequest,
  emit: Emit,
  signal: AbortSignal,
): Promise<Restored> {
  const started = Date.now();
  const { partition = null, delta = false, force = false, sparse = true, dryRun = false } = request;
  emit({ event: 'stage', stage: 'check' });
  const point = await selectPoint(repo, request.point, emit);
  const target = await inspectTarget(repo, { to: request.to, format: 'raw', delta, force });
  const readable = await requireReadable(repo, point.manifest, delta, signal);
  const part =
    partition === null ? { offset: 0, length: point.size } : await findPartition(repo, point, readable, partition);
  await requireRoom(target, part.length, neededSpace(part, point, readable, sparse));
  const task: Task = { repo, point, part, target, readable, sparse, delta, emit, signal };
  const written = dryRun ? { bytesWritten: 0, bytesSkipped: 0 } : await write(task);
  const seconds = (Date.now() - started) / 1000;
  return { point: point.id, to: target.path, dryRun, size: part.length, ...written, seconds };
}

async function findPartition(repo: Repository, point: Point, { chain }: Readable, number: number): Promise<Part> {
  const read = contentReader(repo, point.manifest, chain.layers);
  const { partitions } = await readPartitionTable(read, point.size);
  const found = partitions.find((partition) => partition.number === number);
  if (found !== undefined) return found;
  const known = partitions.map((partition) => partition.number).join(', ') || 'none';
  throw fail('PARTITION_NOT_FOUND', { point: point.id, partition: number, known });
}

function neededSpace({ length }: Part, { manifest }: Point, { statistics }: Readable, sparse: boolean): number {
  return sparse ? Math.min(length, statistics.dataBlocks * manifest.blockSize) : length;
}

async function write(task: Task): Promise<Written> {
  const { point, part, target, emit } = task;
  emit({
    event: 'started',
    action: 'restore',
    subject: target.path,
    machine: point.machine,
    disk: point.disk,
    point: point.id,
    size: part.length,
  });
  emit({ event: 'stage', stage: 'write' });
  return target.kind === 'new' ? writeBeside(task) : writeInPlace(task);
}

function writeBeside(task: Task): Promise<Written> {
  return writeNewFile(task.target, task.point.id, async (file) => {
    await file.truncate(task.part.length);
    return run(task, file, 'fresh');
  });
}

async function writeInPlace(task: Task): Promise<Written> {
  const { part, target, delta } = task;
  const isFile = target.kind === 'file';
  try {
    const handle = isFile ? await open(target.path, 'r+') : await openDevice(target.path, constants.O_RDWR);
    try {
      if (isFile && (await handle.stat()).size < part.length) await handle.truncate(part.length);
      const written = await run(task, handle, delta ? 'delta' : 'overwrite');
      // What is too much goes last, when nothing can fail any more.
      if (isFile) await handle.truncate(part.length);
      await handle.sync();
      return written;
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fromSystem(error, `cannot write ${target.path}`);
  }
}

async function run(task: Task, handle: FileHandle, mode: RestoreOptions['mode']): Promise<Written> {
  const { repo, point, part, target, readable, sparse, emit, signal } = task;
  try {
    const run = native.startRestore({
      vault: repo.vault,
      chain: readable.chain.layers,
      packs: repo.store.packs,
      fd: handle.fd,
      size: point.size,
      blockSize: point.manifest.blockSize,
      mode,
      sparse,
      threads: 0,
      from: part.offset,
      length: part.length,
    });
    const { cancelled, bytesWritten, bytesSkipped } = await watch(run, signal, (at) =>
      emit({ event: 'progress', total: part.length, ...at }),
    );
    if (cancelled) throw fail('INTERRUPTED', { action: `the restore to ${target.path}` });
    return { bytesWritten, bytesSkipped };
  } catch (error) {
    throw fromNative(error, target.path);
  }
}
