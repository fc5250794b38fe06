/**
 * The thin snapshot that the newest point was read from is kept. Where the next one has the same block of the pool at the
 * same place, nothing changed: a block that two volumes share is never written in place, and a snapshot that was written
 * to has other blocks there itself.
 */
import { reasonOf } from '../../errors.ts';
import type { Manifest } from '../../repository/manifest.ts';
import type { Extents } from '../allocation/allocation.ts';
import { bytesIn, clip, complement } from '../allocation/extents.ts';
import { runCommand } from '../command.ts';
import { mapperName } from '../snapshots/device-mapper.ts';
import { type LogicalVolume, volumeNamed } from '../snapshots/logical-volumes.ts';
import { whileHeld } from '../snapshots/pool-metadata.ts';
import type { Taken } from '../snapshots/take.ts';
import { parseThinDelta } from './thin-delta.ts';
import type { Changes, Tracker } from './tracker.ts';

const limit = 600_000;
/** A line is some 50 bytes: a volume in five million pieces. */
const mostOutput = 256 * 1024 ** 2;

export const thinTracker: Tracker = {
  name: 'thin',

  async since({ tracking, size: parentSize }: Manifest, taken: Taken): Promise<Changes> {
    const kept = tracking?.kept;
    if (kept === undefined) return { unknown: 'no snapshot was kept with the parent' };
    try {
      const [before, now] = [await volumeAt(kept.path), await volumeAt(taken.view.input as string)];
      if (before === null) return { unknown: 'the snapshot kept with the parent is gone' };
      if (generationOf(before) !== kept.generation)
        return { unknown: 'the snapshot kept with the parent is another one' };
      const changed = await changedBetween(before, now, taken);
      if (typeof changed === 'string') return { unknown: changed };
      const size = Math.min(parentSize, taken.view.size ?? 0);
      return { unchanged: complement(changed, size), changedBytes: bytesIn(clip(changed, 0, size)) };
    } catch (error) {
      return { unknown: reasonOf(error) };
    }
  },

  async keeps({ view }) {
    // Nothing is kept that nothing can be compared with.
    if ((await runCommand('thin_delta', ['--version'], { limit })).code !== 0) return null;
    const path = view.input as string;
    const volume = await volumeAt(path);
    return volume === null ? null : { path, generation: generationOf(volume) };
  },
};

async function changedBetween(
  before: LogicalVolume,
  now: LogicalVolume | null,
  { note }: Taken,
): Promise<Extents | string> {
  if (before.thin === null || now?.thin?.poolUuid !== before.thin.poolUuid)
    return 'the snapshot kept with the parent lies in another pool';
  const [{ id: left, pool: name }, { id: right }] = [before.thin, now.thin];
  const { group } = now;
  const metadata = `/dev/mapper/${mapperName(group, `${name}_tmeta`)}`;
  const words = ['--metadata-snap', '--snap1', `${left}`, '--snap2', `${right}`, metadata];
  return whileHeld({ group, name }, note, async () => {
    const { code, stdout, trouble } = await runCommand('thin_delta', words, { limit, mostOutput });
    if (code === 0) return parseThinDelta(stdout, left, right);
    const missing = code === null && trouble.includes('ENOENT');
    return missing
      ? 'the command thin_delta is missing (apt-get install thin-provisioning-tools)'
      : `thin_delta failed: ${trouble}`;
  });
}

async function volumeAt(path: string): Promise<LogicalVolume | null> {
  const [, group = '', name = ''] = /^\/dev\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  return group === '' ? null : volumeNamed(group, name);
}

/** Neither of the numbers is given twice. */
function generationOf({ uuid, thin }: LogicalVolume): string {
  return [uuid, thin?.id, thin?.poolUuid].join(':');
}
