/**
 * The snapshot that the newest point was read from is kept. What changed between it and the next one the file system
 * itself lists for `zfs send -i`, by the births of blocks: a block is never written in place. Of that stream only the
 * places are read, not what stands there.
 *
 * Not taken: `zfs diff` names files, not what changed in them; `zdb` looks past the driver at disks that it writes to, and
 * prints for people, another way in each version.
 */
import { readFile, stat } from 'node:fs/promises';
import { fail, isStrataError, reasonOf } from '../../errors.ts';
import type { Manifest } from '../../repository/manifest.ts';
import type { Extents } from '../allocation/allocation.ts';
import { bytesIn, clip, complement } from '../allocation/extents.ts';
import { readCommand } from '../command.ts';
import { placed } from '../driver-root.ts';
import type { Taken } from '../snapshots/take.ts';
import { SendStream } from '../zfs/send-stream.ts';
import { sizeOfStream, snapshotNamed, streamWords, type ZfsSnapshot } from '../zfs/tool.ts';
import type { Changes, Tracker } from './tracker.ts';

/** Milliseconds in which something of the stream must come. */
const limit = 300_000;
/** Records of what did not change in the disk itself, and attributes. */
const room = 64 * 1024 ** 2;

/** Says that holes are in the stream whose birth is not known: it is so unless somebody turned that off. */
const parameters = ['send_holes_without_birth_time', 'ignore_hole_birth'].map(
  (name) => `/sys/module/zfs/parameters/${name}`,
);

/** The content of a volume. */
const volumeObject = 1n;

export const zfsTracker: Tracker = {
  name: 'zfs',

  async since({ tracking, size: parentSize }: Manifest, taken: Taken, signal: AbortSignal): Promise<Changes> {
    const kept = tracking?.kept;
    if (kept === undefined) return { unknown: 'no snapshot was kept with the parent' };
    try {
      const [before, now] = [await snapshotNamed(kept.path), await snapshotNamed(taken.named ?? '')];
      if (before === null) return { unknown: 'the snapshot kept with the parent is gone' };
      if (now === null) return { unknown: 'the snapshot is gone' };
      const trouble = whyNotComparable(kept.generation, before, await generationOf(now, taken));
      if (trouble !== null) return { unknown: trouble };
      if (!(await sendsAllHoles())) return { unknown: 'the driver is told to leave holes out of streams' };
      const size = Math.min(parentSize, taken.view.size ?? 0);
      const length = await sizeOfStream(before.name, now.name);
      if (length > size) return { unknown: `its dataset has ${length} bytes of changes: reading all of it is less` };
      const changed = await changedBetween(before, now, { taken, size }, signal);
      return { unchanged: complement(changed, size), changedBytes: bytesIn(clip(changed, 0, size)) };
    } catch (error) {
      if (isStrataError(error, 'INTERRUPTED')) throw error;
      return { unknown: reasonOf(error) };
    }
  },

  async keeps(taken) {
    const snapshot = taken.named === null ? null : await snapshotNamed(taken.named);
    return snapshot === null ? null : { path: snapshot.name, generation: await generationOf(snapshot, taken) };
  },
};

/** A file keeps its number, and the size of its blocks, as long as it is the same one; what else it may be its stream tells. */
async function generationOf({ guid, txg }: ZfsSnapshot, { view }: Taken): Promise<string> {
  if (view.kind === 'device') return [guid, txg, volumeObject, 0].join(':');
  const { ino, blksize } = await stat(view.input as string, { bigint: true });
  return [guid, txg, ino, blksize].join(':');
}

/** Why what was kept says nothing of what there is now; null when it does. */
function whyNotComparable(kept: string, before: ZfsSnapshot, now: string): string | null {
  const [guid, txg, ...same] = kept.split(':');
  if (guid !== before.guid || txg !== before.txg) return 'the snapshot kept with the parent is another one';
  if (same.join(':') === now.split(':').slice(2).join(':')) return null;
  return 'the file is another one than that of the parent, or has blocks of another size';
}

async function sendsAllHoles(): Promise<boolean> {
  for (const path of parameters) {
    const value = await readFile(placed(path), 'utf8').catch(() => null);
    if (value !== null) return value.trim() === '1';
  }
  return false;
}

async function changedBetween(
  before: ZfsSnapshot,
  now: ZfsSnapshot,
  { taken, size }: { readonly taken: Taken; readonly size: number },
  signal: AbortSignal,
): Promise<Extents> {
  const isVolume = taken.view.kind === 'device';
  const { ino } = await stat(taken.view.input as string, { bigint: true });
  const stream = new SendStream({
    kind: isVolume ? 'volume' : 'file',
    from: BigInt(before.guid),
    to: BigInt(now.guid),
    object: isVolume ? volumeObject : ino,
    size,
    most: 2 * size + room,
  });
  const words = [...streamWords(before.name), now.name];
  const { code, trouble } = await readCommand('zfs', words, { limit, signal }, (piece) => stream.take(piece));
  if (signal.aborted) throw fail('INTERRUPTED', { action: `the backup of ${taken.view.path}` });
  if (code !== 0) throw fail('IO', { what: 'zfs send failed', reason: trouble });
  return stream.finish();
}
