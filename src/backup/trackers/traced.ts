/**
 * What dattobd or elastio-snap noted between two snapshots. Believed only when this snapshot is the very next one of the
 * same series, and the driver was at work all the time between: when a file system is unmounted it goes to rest before the
 * last blocks are written, and misses those. Going to rest it writes to its file, which tells.
 */
import { reasonOf } from '../../errors.ts';
import type { Manifest } from '../../repository/manifest.ts';
import { bytesIn, complement, extentsOf, union } from '../allocation/extents.ts';
import type { Traced } from '../snapshots/provider.ts';
import type { Taken } from '../snapshots/take.ts';
import { readChanged } from '../tracing/cow-file.ts';
import { dattobd, elastioSnap, type TracingDriver } from '../tracing/drivers.ts';
import type { Changes, Kept, Tracker } from './tracker.ts';

/** A manifest must not grow without bounds. */
const mostUntracked = 10_000;
const generationForm = /^([0-9a-f]{32}):(\d{1,15}):(\d+)$/;

export const dattobdTracker = tracedBy(dattobd);
export const elastioSnapTracker = tracedBy(elastioSnap);

function tracedBy({ name }: TracingDriver): Tracker {
  return {
    name,
    missesDiscards: true,

    async since({ tracking, size: parentSize }: Manifest, { traced, view: { size } }: Taken): Promise<Changes> {
      if (traced === null) return { unknown: `it is not read through ${name}` };
      const kept = tracking?.kept;
      if (kept === undefined) return { unknown: 'nothing was kept with the parent' };
      const { before, own } = traced;
      const doubt = whyNotNext(name, kept, traced);
      if (doubt !== null || before === null || own === null) return { unknown: doubt ?? 'it cannot be told' };
      if (size === null || size !== parentSize) return { unknown: 'the parent has another size' };
      try {
        const { uuid, sequence } = traced;
        const changed = await readChanged(before.file, { size, uuid, sequence: sequence - 1 });
        const unchanged = complement(union(changed, extentsOf(kept.untracked ?? []), own), size);
        return { unchanged, changedBytes: bytesIn(changed) };
      } catch (error) {
        return { unknown: reasonOf(error) };
      }
    },

    async keeps({ traced }: Taken): Promise<Kept | null> {
      if (traced?.own == null || traced.own.length > mostUntracked) return null;
      const { file: path, uuid, sequence, own } = traced;
      return { path, generation: `${uuid}:${sequence}`, untracked: own };
    },
  };
}

/** Why this snapshot is not the one that follows that of the parent without a gap; null when it is. */
function whyNotNext(name: string, kept: Kept, { uuid, sequence, before, anew, own }: Traced): string | null {
  const [, series = '', number = '', touched = ''] = generationForm.exec(kept.generation) ?? [];
  if (series === '' || kept.untracked === undefined) return `the parent was not read through ${name}`;
  if (before === null) return anew ?? `${name} began anew`;
  if (series !== uuid) return `${name} began anew since the parent (another uuid)`;
  if (sequence !== Number(number) + 1) {
    return `${name} made other snapshots since the parent (number ${sequence} follows ${number})`;
  }
  if (before.touched !== touched) {
    return `${name} has not been at work all the time since the parent, or could not hold all it noted in memory`;
  }
  return own === null ? `the file of ${name} lies at places that cannot be told` : null;
}
