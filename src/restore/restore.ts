/**
 * Restore: a point's content is written to a file or a block device. A file is written beside its name and takes
 * it when it is whole; a device, and a target of which only what differs is written, are written in place.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail, fromNative, fromSystem } from '../errors.ts';
import { native, type RestoreOptions } from '../native.ts';
import type { Emit } from '../repository/events.ts';
import type { Point } from '../repository/points.ts';
import type { Repository } from '../repository/repository.ts';
import { selectPoint } from '../repository/select.ts';
import { watch } from '../repository/watch.ts';
import { type Readable, requireReadable } from './preflight.ts';
import { inspectTarget, openDevice, requireSpace, type Target } from './target.ts';

export interface RestoreRequest {
  /** As for `selectPoint`. */
  readonly point: string;
  /** File or block device. */
  readonly to: string;
  /** Default `raw`. */
  readonly format?: string | undefined;
  readonly partition?: number | null | undefined;
  /** Write only what differs from what stands in the target. */
  readonly delta?: boolean | undefined;
  readonly force?: boolean | undefined;
  /** Default true: zero blocks become holes. */
  readonly sparse?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

export interface RestoreResult {
  readonly point: string;
  readonly to: string;
  readonly dryRun: boolean;
  readonly size: number;
  readonly bytesWritten: number;
  readonly bytesSkipped: number;
  readonly seconds: number;
}

interface Task {
  readonly repo: Repository;
  readonly point: Point;
  readonly target: Target;
  readonly readable: Readable;
  readonly sparse: boolean;
  readonly delta: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
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
): Promise<RestoreResult> {
  const started = Date.now();
  const { delta = false, force = false, sparse = true, dryRun = false } = request;
  refuseUnsupported(request);
  emit({ event: 'stage', stage: 'check' });
  const point = await selectPoint(repo, request.point, emit);
  const target = await inspectTarget(repo, { to: request.to, delta, force, size: point.size });
  const readable = await requireReadable(repo, point.manifest, delta);
  if (target.kind === 'new') await requireSpace(target.path, neededSpace(point, readable, sparse));
  const task: Task = { repo, point, target, readable, sparse, delta, emit, signal };
  const written = dryRun ? { bytesWritten: 0, bytesSkipped: 0 } : await write(task);
  const seconds = (Date.now() - started) / 1000;
  return { point: point.id, to: target.path, dryRun, size: point.size, ...written, seconds };
}

function refuseUnsupported({ format = 'raw', partition = null }: RestoreRequest): void {
  if (format !== 'raw') {
    throw fail('NOT_SUPPORTED', {
      feature: `restoring to ${format}`,
      instead: 'use --format raw; qemu-img convert makes the rest',
    });
  }
  if (partition !== null) {
    throw fail('NOT_SUPPORTED', { feature: 'restoring one partition', instead: 'restore the whole disk' });
  }
}

function neededSpace({ size, manifest }: Point, { statistics }: Readable, sparse: boolean): number {
  return sparse ? Math.min(size, statistics.dataBlocks * manifest.blockSize) : size;
}

async function write(task: Task): Promise<Written> {
  const { point, target, emit } = task;
  emit({
    event: 'started',
    action: 'restore',
    subject: target.path,
    machine: point.machine,
    disk: point.disk,
    point: point.id,
    size: point.size,
  });
  emit({ event: 'stage', stage: 'write' });
  return target.kind === 'new' ? writeBeside(task) : writeInPlace(task);
}

/** A new file: until it is whole the target's name is free, or names what was there before. */
async function writeBeside(task: Task): Promise<Written> {
  const { point, target } = task;
  const part = `${target.path}.strata-${point.id.slice(0, 8)}.part`;
  try {
    // One that is there was left by a restore that was killed.
    await rm(part, { force: true });
    const file = await open(part, 'wx+', target.mode ?? 0o600);
    const written = await useAndClose(file, async () => {
      await file.truncate(point.size);
      const written = await run(task, file, 'fresh');
      await file.sync();
      return written;
    });
    await rename(part, target.path);
    await syncFolder(dirname(target.path));
    return written;
  } catch (error) {
    // The restore has failed already; that is what must be told.
    await rm(part, { force: true }).catch(() => undefined);
    throw fromSystem(error, `cannot write ${target.path}`);
  }
}

async function writeInPlace(task: Task): Promise<Written> {
  const { point, target, delta } = task;
  const isFile = target.kind === 'file';
  try {
    const handle = isFile ? await open(target.path, 'r+') : await openDevice(target.path, constants.O_RDWR);
    return await useAndClose(handle, async () => {
      if (isFile && (await handle.stat()).size < point.size) await handle.truncate(point.size);
      const written = await run(task, handle, delta ? 'delta' : 'overwrite');
      // What is too much goes last, when nothing can fail any more.
      if (isFile) await handle.truncate(point.size);
      await handle.sync();
      return written;
    });
  } catch (error) {
    throw fromSystem(error, `cannot write ${target.path}`);
  }
}

async function run(task: Task, handle: FileHandle, mode: RestoreOptions['mode']): Promise<Written> {
  const { repo, point, target, readable, sparse, emit, signal } = task;
  const { size, manifest } = point;
  try {
    const run = native.startRestore({
      vault: repo.vault,
      chain: readable.chain.layers,
      packs: { folder: repo.store.localPath('packs') },
      fd: handle.fd,
      size,
      blockSize: manifest.blockSize,
      mode,
      sparse,
      threads: 0,
      from: 0,
      length: size,
    });
    const { cancelled, bytesWritten, bytesSkipped } = await watch(run, signal, (at) =>
      emit({ event: 'progress', total: size, ...at }),
    );
    if (cancelled) throw fail('INTERRUPTED', { action: `the restore to ${target.path}` });
    return { bytesWritten, bytesSkipped };
  } catch (error) {
    throw fromNative(error, target.path);
  }
}

async function useAndClose<Result>(handle: FileHandle, use: () => Promise<Result>): Promise<Result> {
  try {
    return await use();
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await useAndClose(handle, () => handle.sync());
}
