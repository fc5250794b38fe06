/**
 * A dirty bitmap of qemu, which an NBD export shows as `qemu:dirty-bitmap:NAME`: what was written since somebody began it. When that was it does
 * not tell, so its name must: each point names the bitmap that began at its instant, and only the one that the newest point names is believed, of
 * an export of the same name. One that is begun anew under its old name cannot be told from one that goes on; so a name that comes again says nothing.
 */
import { reasonOf } from '../../errors.ts';
import type { NbdExport } from '../../native/source.ts';
import { native } from '../../native.ts';
import type { Manifest } from '../../repository/manifest.ts';
import type { Extents } from '../allocation/allocation.ts';
import { bytesIn, clip, complement } from '../allocation/extents.ts';
import { bitmapOf, contextOf } from '../nbd/bitmap.ts';
import { parseNbdUri } from '../nbd/uri.ts';
import type { Changes, Tracker } from './tracker.ts';

/** `name`: of the bitmap that begins at the instant which is read now. */
export function nbdBitmapTracker(name: string): Tracker {
  return {
    name: 'nbd-bitmap',

    async since(parent: Manifest, { view }): Promise<Changes> {
      const before = bitmapOf(parent);
      if (before === null) return { unknown: 'the parent names no bitmap' };
      if (before.name === name) {
        return { unknown: `the parent names the bitmap ${name}, too: whether it was begun anew cannot be told` };
      }
      if (before.of !== parseNbdUri(view.path).name) {
        return { unknown: `the parent was read from another export, ${before.of}` };
      }
      const opened = view.input as NbdExport;
      const context = contextOf(before.name);
      if (!native.nbdFacts(opened).contexts.includes(context)) {
        return { unknown: `the export shows no bitmap ${before.name}` };
      }
      const found = await native.nbdFlagged(opened, context).catch(reasonOf);
      if (typeof found === 'string') return { unknown: `the bitmap ${before.name} cannot be read: ${found}` };
      const changed = pairs(found);
      const size = Math.min(parent.size, view.size ?? 0);
      return { unchanged: complement(changed, size), changedBytes: bytesIn(clip(changed, 0, size)) };
    },

    async keeps({ view }) {
      return { path: view.path, generation: name };
    },
  };
}

function pairs(flat: Float64Array): Extents {
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[at * 2] ?? 0, flat[at * 2 + 1] ?? 0] as const);
}
