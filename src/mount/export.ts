/**
 * Export: a point is written to a file as an image that needs nothing of the repository, with the bytes that a mount
 * shows of it. As with a restore, all that it needs is looked for before the target is touched.
 */
import type { FileHandle } from 'node:fs/promises';
import { fail, fromNative } from '../errors.ts';
import type { Content } from '../native/images.ts';
import { native } from '../native.ts';
import type { Emit } from '../repository/events.ts';
import { writeNewFile } from '../repository/new-file.ts';
import type { Point } from '../repository/points.ts';
import { requireReadable } from '../repository/preflight.ts';
import type { Repository } from '../repository/repository.ts';
import type { Restored } from '../repository/restored.ts';
import { selectPoint } from '../repository/select.ts';
import { inspectTarget, requireRoom, type Target } from '../repository/target.ts';
import { watch } from '../repository/watch.ts';
import { rangesOf } from './formats/extents.ts';
import { type FormatName, formats } from './formats/formats.ts';
import type { Layout, PointDisk } from './formats/segment.ts';
import { descriptor, extent, whyNotExported } from './formats/vmdk.ts';
import { openImage } from './image.ts';
import { OpenPoints } from './open-points.ts';
import { diskWithoutData } from './tree.ts';
import { inspectVmdk, type VmdkTarget, writeVmdk } from './vmdk-files.ts';

export interface ExportRequest {
  /** As for `selectPoint`. */
  readonly point: string;
  /** A file. */
  readonly to: string;
  readonly format: FormatName;
  readonly force?: boolean | undefined;
  /** Default true: what is zero becomes holes. */
  readonly sparse?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

/** Blocks are read once, from front to back: there need be room only for those that are opened ahead. */
const cacheBytes = 64 * 1024 * 1024;

interface Task {
  readonly point: Point;
  readonly disk: PointDisk;
  /** Of the file that the disk lies in. */
  readonly layout: Layout;
  readonly content: Content;
  /** Where that file is to be. */
  readonly target: Target;
  /** The same for a VMDK, which is two files. */
  readonly vmdk: VmdkTarget | null;
  /** What the image is opened by. */
  readonly path: string;
  readonly sparse: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Writes a point to a file in one of the formats. */
export async function exportImage(
  repo: Repository,
  request: ExportRequest,
  emit: Emit,
  signal: AbortSignal,
): Promise<Restored> {
  const started = Date.now();
  const { to, format, force = false, sparse = true, dryRun = false } = request;
  emit({ event: 'stage', stage: 'check' });
  const point = await selectPoint(repo, request.point, emit);
  requireFits(point, format);
  const asked = { to, format, delta: false, force };
  const vmdk = format === 'vmdk' ? await inspectVmdk(repo, asked) : null;
  const target = vmdk === null ? await inspectTarget(repo, asked) : vmdk.extent;
  await requireReadable(repo, point.manifest, false, signal);
  const points = await OpenPoints.create(repo, cacheBytes);
  const disk = await points.disk(point);
  const layout = vmdk === null ? formats[format].layout(disk) : extent(disk);
  await requireRoom(target, layout.size, neededSpace(layout, disk, sparse));
  const content = openImage(await points.open(point), layout);
  const { path } = vmdk?.descriptor ?? target;
  const task: Task = { point, disk, layout, content, target, vmdk, path, sparse, emit, signal };
  const bytesWritten = dryRun ? 0 : await write(task);
  const seconds = (Date.now() - started) / 1000;
  return { point: point.id, to: path, dryRun, size: point.size, bytesWritten, bytesSkipped: 0, seconds };
}

/** FORMAT_UNSUITABLE when a point cannot be shown in a format. */
export function requireFits(point: Point, format: FormatName): void {
  const whyNot = format === 'vmdk' ? whyNotExported : formats[format].whyNot;
  const reason = whyNot(diskWithoutData(point));
  if (reason !== null) throw fail('FORMAT_UNSUITABLE', { format, point: point.id, reason });
}

function neededSpace({ size, segments }: Layout, disk: PointDisk, sparse: boolean): number {
  if (!sparse) return size;
  let needed = 0;
  for (const segment of segments) if (segment.kind === 'literal') needed += segment.bytes.length;
  for (const { from, to } of rangesOf(disk.data, disk.size)) needed += to - from;
  return Math.min(size, needed);
}

async function write(task: Task): Promise<number> {
  const { point, disk, layout, target, vmdk, path, emit } = task;
  emit({
    event: 'started',
    action: 'restore',
    subject: path,
    machine: point.machine,
    disk: point.disk,
    point: point.id,
    size: layout.size,
  });
  emit({ event: 'stage', stage: 'write' });
  if (vmdk === null) return writeNewFile(target, point.id, (file) => run(task, file));
  return writeVmdk(vmdk, point.id, {
    extent: (file) => run(task, file),
    descriptor: (extentName) => textOf(descriptor(disk, extentName)),
  });
}

async function run({ layout, content, target, path, sparse, emit, signal }: Task, file: FileHandle): Promise<number> {
  try {
    const run = native.startExport({ content, fd: file.fd, sparse });
    const { cancelled, bytesWritten } = await watch(run, signal, (at) =>
      emit({ event: 'progress', total: layout.size, position: at.position, bytesWritten: at.bytesWritten }),
    );
    if (cancelled) throw fail('INTERRUPTED', { action: `the restore to ${path}` });
    return bytesWritten;
  } catch (error) {
    throw fromNative(error, target.path);
  }
}

/** The bytes of a file that consists of nothing else. */
function textOf({ segments }: Layout): Buffer {
  return Buffer.concat(segments.flatMap((segment) => (segment.kind === 'literal' ? [segment.bytes] : [])));
}
