/**
 * What the process that draws and the one that works say to each other, as JSON over Node's channel. The engine is a
 * process of its own, so that neither a key derivation nor ten thousand manifests hold up a key that is pressed.
 */
import type { Failure, JobEvent } from '../../jobs/job.ts';
import type { ListedPoint } from '../../jobs/points.ts';
import type { StorageSettings } from '../../repository/stores/settings.ts';
import type { DiskRow } from '../state/disks.ts';

/** Where the repository is. */
export interface Place {
  readonly location: string;
  readonly storage: StorageSettings;
  /** Whether the line or the environment gave a passphrase. */
  readonly passphraseGiven: boolean;
}

/** All disks come first: that is what the first screen shows. Then the points, by and by. */
export type PointsPart = { readonly disks: readonly DiskRow[] } | { readonly points: readonly ListedPoint[] };

export type ToEngine =
  /** Comes first, and again when another repository is opened. */
  | { readonly do: 'open'; readonly place: Place }
  | { readonly do: 'call'; readonly id: number; readonly name: string; readonly request: unknown }
  | { readonly do: 'cancel'; readonly id: number }
  | { readonly do: 'answer'; readonly passphrase: string | null }
  /** Stop what is at work, and go. Closing the channel says the same, but not while a message is on its way through it. */
  | { readonly do: 'end' };

export type FromEngine =
  | { readonly tell: 'event'; readonly id: number; readonly event: JobEvent }
  /** A piece of the list of points; the rest comes later, `result` last. */
  | { readonly tell: 'part'; readonly id: number; readonly part: PointsPart }
  | { readonly tell: 'result'; readonly id: number; readonly result: unknown }
  | { readonly tell: 'failure'; readonly id: number; readonly failure: Failure }
  | { readonly tell: 'ask' };
