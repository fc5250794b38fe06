/**
 * Trackers tell which extents of a source did not change since its newest point, so that they need not be read. The policy
 * of a disk is `off`, `auto` (one if it can be had), or the name of a tracker.
 *
 * None is trusted blindly: of what it calls unchanged a random sample is read and compared. One that was wrong is not used
 * for its disk any more, until it is asked for by name.
 */
import { fail } from '../../errors.ts';
import type { Manifest } from '../../repository/manifest.ts';
import type { Extents } from '../allocation/allocation.ts';
import { beginningBitmap } from '../nbd/bitmap.ts';
import type { Taken } from '../snapshots/take.ts';

export const trackerNames = [
  'reflink',
  'zfs',
  'thin',
  'dattobd',
  'elastio-snap',
  'dm-era',
  'hints',
  'nbd-bitmap',
] as const;

export type TrackerName = (typeof trackerNames)[number];

/** What did not change, and how much did, or why the tracker cannot say: then everything is read and compared. */
export type Changes = { readonly unchanged: Extents; readonly changedBytes: number } | { readonly unknown: string };

/** What is kept of the snapshot that a point was read from, and what tells that it is still that. */
export interface Kept {
  readonly path: string;
  readonly generation: string;
  /** What of the disk may change without being noted. */
  readonly untracked?: Extents | undefined;
}

export interface Tracker {
  readonly name: TrackerName;
  /** Whether it does not note what is given back to the disk (discard), which then has another content, too. */
  readonly missesDiscards?: true;
  /** Whether the snapshot goes as others do, for what it keeps is something else. */
  readonly leavesSnapshot?: true;
  /** What did not change between `parent` and what is to be read now; INTERRUPTED when the signal comes. */
  since(parent: Manifest, taken: Taken, signal: AbortSignal): Promise<Changes>;
  /** What to keep of what is read now, for the next time; null: nothing can be. */
  keeps?(taken: Taken): Promise<Kept | null>;
}

/** USAGE when no tracker has the name that the policy asks for. */
export function checkTrackerPolicy(policy: string): void {
  if (['auto', 'off', ...trackerNames].includes(policy) || beginningBitmap(policy) !== null) return;
  throw fail('USAGE', {
    problem: `there is no tracker ${policy}; there are ${trackerNames.join(', ')}, and auto, off`,
  });
}
