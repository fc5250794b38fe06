/**
 * A copy of a device that has no other way, such as /boot on a plain partition: all of it is copied into a file, then again
 * what was written meanwhile (write-trace.ts), until nothing was. Then the copy is what the device was at the end, as after
 * a power cut. It gives up when too much is written for that ever to be.
 */
import { randomInt } from 'node:crypto';
import { type FileHandle, open, realpath, rm, statfs } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fail, fromNative } from '../../errors.ts';
import type { SourceReader } from '../../native/source.ts';
import { native } from '../../native.ts';
import { deviceNumber, devicesOn, liesOn } from '../../repository/devices.ts';
import { failpoint } from '../../repository/failpoint.ts';
import type { Extents } from '../allocation/allocation.ts';
import type { Source } from '../source.ts';
import { untilEqual } from './converge.ts';
import type { SnapshotProvider } from './provider.ts';
import { removeInstance, tracingFolder, WriteTrace } from './write-trace.ts';

const step = 4 * 1024 ** 2;
const piece = 65536;
const zeros = Buffer.alloc(piece);
/** What is read at least. */
const unit = 4096;

export const iterate: SnapshotProvider = {
  name: 'iterate',
  consistency: 'crash',
  byNameOnly: false,
  survivesRestart: true,

  async obstacle({ source, folder }) {
    if (source.kind !== 'device') return 'it is no block device';
    if (source.mountedAt.length === 0) return 'nothing on it is mounted writable';
    if (folder === null) return '--snapshot-folder does not say where its copy goes';
    if ((await tracingFolder()) === null)
      return 'tracefs is not mounted (mount -t tracefs tracefs /sys/kernel/tracing)';
    if (await liesOn(folder, await devicesOn(await deviceNumber(source.path)))) return `${folder} lies on it`;
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize >= (source.size ?? 0) ? null : `${folder} has no room for a copy of it`;
  },

  async plan({ source, id, folder }) {
    const file = join(await realpath(folder ?? ''), `.${basename(source.path)}.strata-${id}`);
    return [file, join((await tracingFolder()) ?? '', 'instances', `strata-${id}`)];
  },

  async create({ source, signal }, [file = '', instance = '']) {
    const trace = await WriteTrace.begin(instance, source.path);
    try {
      const reader = openDevice(source);
      try {
        await requireTold(source, trace, reader);
        const copy = await open(file, 'wx', 0o600);
        try {
          await copy.truncate(source.size ?? 0);
          await copyAll({ source, trace, reader, copy, signal });
        } finally {
          await copy.close();
        }
      } finally {
        native.closeSource(reader);
      }
    } finally {
      await trace.end();
    }
    return { path: file, proven: async () => undefined };
  },

  async end([file = '', instance = ''], _end, id) {
    if (!basename(file).endsWith(`.strata-${id}`) || basename(instance) !== `strata-${id}`) return;
    failpoint('snapshot.remove');
    await removeInstance(instance);
    await rm(file, { force: true });
  },
};

interface Copying {
  readonly source: Source;
  readonly trace: WriteTrace;
  readonly reader: SourceReader;
  readonly copy: FileHandle;
  readonly signal: AbortSignal;
}

/** Copies until nothing was written while it did: SNAPSHOT_FAILED when that does not come. */
async function copyAll(copying: Copying): Promise<void> {
  const { source, trace } = copying;
  const reason = await untilEqual({
    size: source.size ?? 0,
    copy: async (extents, again) => {
      failpoint('snapshot.pass');
      await copyExtents(copying, extents, again);
    },
    changed: () => trace.take(),
    now: () => performance.now() / 1000,
  });
  if (reason !== null) throw fail('SNAPSHOT_FAILED', { path: source.path, provider: 'iterate', reason });
}

/** In a copy that is new, what is zero need not be written. */
async function copyExtents({ source, trace, reader, copy, signal }: Copying, extents: Extents, again: boolean) {
  for (const [from, length] of extents) {
    for (let offset = from; offset < from + length; offset += step) {
      if (signal.aborted) throw fail('INTERRUPTED', { action: `the copying of ${source.path}` });
      const count = Math.min(step, from + length - offset);
      const bytes = await native.readSource(reader, { offset, length: count }).catch((error: unknown) => {
        throw fromNative(error, source.path);
      });
      for (let at = 0; at < count; at += piece) {
        const part = bytes.subarray(at, Math.min(at + piece, count));
        if (again || !part.equals(zeros.subarray(0, part.length))) await copy.write(part, 0, part.length, offset + at);
      }
      await trace.drain();
    }
  }
}

/** A trace that does not show what we read shows no writes either: SNAPSHOT_IMPOSSIBLE. */
async function requireTold({ path, size }: Source, trace: WriteTrace, reader: SourceReader): Promise<void> {
  for (let time = 0; time < 3; time++) {
    const offset = randomInt(Math.max(1, Math.floor((size ?? 0) / unit))) * unit;
    const length = Math.min(unit, (size ?? 0) - offset);
    if (await trace.shows(offset, () => native.readSource(reader, { offset, length }))) continue;
    const reason = 'the tracing of the kernel does not show what is read from it, and so no writes';
    throw fail('SNAPSHOT_IMPOSSIBLE', { path, reason });
  }
}

function openDevice({ path, size }: Source): SourceReader {
  try {
    return native.openSource({ source: path, kind: 'device', size: size ?? 0 });
  } catch (error) {
    throw fromNative(error, path);
  }
}
