/** Export into object storage: a point becomes an object that clouds import as it is; what is zero does not go over the network. */
import { fail, fromNative } from '../errors.ts';
import type { Content } from '../native/images.ts';
import { native } from '../native.ts';
import type { Emit } from '../repository/events.ts';
import { requireReadable } from '../repository/preflight.ts';
import type { Repository } from '../repository/repository.ts';
import type { Restored } from '../repository/restored.ts';
import { selectPoint } from '../repository/select.ts';
import { formatS3Address, parseS3Address } from '../repository/stores/s3/address.ts';
import { requireOutsideRepositories } from '../repository/stores/s3/create.ts';
import { type HeldRange, type ImageRules, planImage } from '../repository/stores/s3/image-parts.ts';
import { openBucket } from '../repository/stores/s3/open.ts';
import { sendImage } from '../repository/stores/s3/send-image.ts';
import { smallestPart } from '../repository/stores/s3/upload.ts';
import type { StorageSettings } from '../repository/stores/settings.ts';
import { estimateCost } from '../repository/stores/traffic.ts';
import { type ExportRequest, requireFits } from './export.ts';
import { rangesWithin } from './formats/extents.ts';
import { formats } from './formats/formats.ts';
import type { Layout, PointDisk } from './formats/segment.ts';
import { openImage } from './image.ts';
import { OpenPoints } from './open-points.ts';

const mib = 1024 ** 2;
const rules: ImageRules = {
  smallestPart,
  largestPart: 5 * 1024 * mib,
  mostParts: 10_000,
  sentPart: 16 * mib,
  zerosPart: 256 * mib,
};
/** Blocks are read once. */
const cacheBytes = 64 * mib;
/** Read by native at once. */
const mostRead = 32 * mib;

/** Writes a point to `s3://BUCKET/KEY` in one of the formats. */
export async function exportObject(
  repo: Repository,
  request: ExportRequest,
  storage: StorageSettings,
  emit: Emit,
  signal: AbortSignal,
): Promise<Restored> {
  const started = Date.now();
  const { to, format, force = false, dryRun = false } = request;
  const address = parseS3Address(to);
  if (address.prefix === '') throw fail('USAGE', { problem: `${to} names a bucket; name the object, too` });
  if (format === 'vmdk') {
    throw fail('NOT_SUPPORTED', {
      feature: 'a VMDK, which is two files, as an object',
      instead: 'use raw, vhd or vhdx',
    });
  }
  emit({ event: 'stage', stage: 'check' });
  const point = await selectPoint(repo, request.point, emit);
  requireFits(point, format);
  const bucket = openBucket(address.bucket, storage, 'newest');
  try {
    await requireOutsideRepositories(bucket, address);
    if (!force) await bucket.requireFree(address.prefix);
    await requireReadable(repo, point.manifest, false, signal);
    const points = await OpenPoints.create(repo, cacheBytes);
    const disk = await points.disk(point);
    const layout = formats[format].layout(disk);
    const parts = planImage(heldBy(layout, disk), layout.size, rules);
    if (parts === null)
      throw fail('NOT_SUPPORTED', { feature: `an object of ${layout.size} bytes`, instead: 'export to a file' });
    const sent = parts.reduce((sum, part) => (part.kind === 'sent' ? sum + part.length : sum), 0);
    if (!dryRun) {
      const { machine, disk: name, id } = point;
      const subject = formatS3Address(address);
      emit({ event: 'started', action: 'restore', subject, machine, disk: name, point: id, size: layout.size });
      emit({ event: 'stage', stage: 'write' });
      let position = 0;
      const content = openImage(await points.open(point), layout);
      const arrived = (bytes: number) => {
        position += bytes;
        emit({ event: 'progress', total: layout.size, position });
      };
      const read = (offset: number, length: number) => readAll(content, offset, length, subject);
      await sendImage(bucket, address.prefix, { parts, size: layout.size, read, arrived }, signal);
    }
    const seconds = (Date.now() - started) / 1000;
    const [bytesWritten, bytesByServer] = dryRun ? [0, 0] : [sent, layout.size - sent];
    const done = { point: point.id, to: formatS3Address(address), dryRun, size: point.size };
    return { ...done, bytesWritten, bytesByServer, bytesSkipped: 0, seconds };
  } catch (error) {
    if (signal.aborted) throw fail('INTERRUPTED', { action: `the export to ${to}` }, { cause: error });
    throw error;
  } finally {
    emit({ event: 'traffic', ...bucket.traffic, estimate: estimateCost(bucket.traffic) });
    bucket.close();
  }
}

/** The ranges of an image file that may hold something. */
export function heldBy({ segments }: Layout, disk: PointDisk): HeldRange[] {
  const held: { from: number; to: number }[] = [];
  const hold = (from: number, to: number) => {
    const last = held.at(-1);
    if (last !== undefined && last.to === from) last.to = to;
    else held.push({ from, to });
  };
  let start = 0;
  for (const segment of segments) {
    const length = segment.kind === 'literal' ? segment.bytes.length : segment.length;
    if (segment.kind === 'literal') hold(start, start + length);
    if (segment.kind === 'disk') {
      const shift = start - segment.offset;
      const end = Math.min(segment.offset + length, disk.size);
      for (const { from, to } of rangesWithin(disk.data, segment.offset, end)) hold(from + shift, to + shift);
    }
    start += length;
  }
  return held;
}

async function readAll(content: Content, offset: number, length: number, at: string): Promise<Buffer> {
  const whole = Buffer.allocUnsafe(length);
  try {
    for (let done = 0; done < length; done += mostRead) {
      const piece = Math.min(mostRead, length - done);
      await native.readAt(
        content,
        { offset: offset + done, length: piece },
        undefined,
        whole.subarray(done, done + piece),
      );
    }
    return whole;
  } catch (error) {
    throw fromNative(error, at);
  }
}
