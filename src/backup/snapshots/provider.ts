/**
 * Snapshots: frozen views of a source, made by providers. The policy of a disk is `off`, `auto` (one if it can be had),
 * `required`, or the name of the provider that must make it.
 */
import { fail } from '../../errors.ts';
import type { Extents } from '../allocation/allocation.ts';
import type { NbdUri } from '../nbd/uri.ts';
import type { Source } from '../source.ts';

/**
 * What a view of a source is worth: the applications had brought their files to rest; the file system had; it is all of
 * one instant, as after a power cut; nothing keeps it from changing while it is read.
 */
export const consistencies = ['application', 'file-system', 'crash', 'none'] as const;

export type Consistency = (typeof consistencies)[number];

/** `auto` and `required` take the first that can, but for those that must be asked for by name. */
export const providerNames = [
  'reflink',
  'btrfs',
  'zfs',
  'thin',
  'lvm',
  'iterate',
  'dattobd',
  'elastio-snap',
  'dm-snapshot',
  'freeze',
] as const;

export type ProviderName = (typeof providerNames)[number];

/** Room for what is written to a source meanwhile. */
export type SnapshotSize = { readonly bytes: number } | { readonly percent: number };

export interface SnapshotWish {
  readonly source: Source;
  /** Eight hex digits, which are part of the name of all that is made. */
  readonly id: string;
  /** Where files go that are made; null: beside the source. */
  readonly folder: string | null;
  /** Of snapshots that need room of a size that is fixed before. */
  readonly size: SnapshotSize;
  /** An export of an NBD server where that room is, or what does not fit into it; null: none. */
  readonly store: NbdUri | null;
  /** Milliseconds that a file system may stand still. */
  readonly freezeLimit: number;
  /** Paths that must stay writable. */
  readonly needed: readonly string[];
  /** Ends what takes long. */
  readonly signal: AbortSignal;
  /** The id of what several disks have in common, out of which this snapshot comes; without: it is made for itself. */
  readonly joint?: string | undefined;
}

/** A snapshot as its provider has made it. */
export interface View {
  /** What to read in place of the source. */
  readonly path: string;
  /** Comes when it is known before the end that it does not hold. */
  readonly lost?: AbortSignal;
  /** Tells it how many seconds it will be read yet, about. */
  needed?(seconds: number): void;
  /** To be called when all is read: SNAPSHOT_LOST when it did not hold until then, SNAPSHOT_OUTPACED when it was not going to. */
  proven(): Promise<void>;
  /** What it is called by the tools that made it. */
  readonly named?: string;
  /** Of a snapshot by a driver that follows what is written to the source. */
  readonly traced?: Traced;
}

/** What a driver that follows a source knows of a snapshot. */
export interface Traced {
  /** The series that it belongs to, and which of that it is. */
  readonly uuid: string;
  readonly sequence: number;
  /** The file of the driver, on the source itself. */
  readonly file: string;
  /** The file of the snapshot before, which says now what changed since, and when the driver had last written to it. */
  readonly before: { readonly file: string; readonly touched: string } | null;
  /** Why it is the first of its series; null when it is not. */
  readonly anew: string | null;
  /** Where these files lie on the source: what stands there means nothing. null: that cannot be told. */
  readonly own: Extents | null;
}

/** `orphan`: the process that made it is dead. */
export type SnapshotEnd = 'success' | 'abort' | 'orphan';

export interface SnapshotProvider {
  readonly name: ProviderName;
  readonly consistency: Consistency;
  /** Whether it is taken only when it is asked for by name. */
  readonly byNameOnly: boolean;
  /** Whether a restart of the machine leaves it there. */
  readonly survivesRestart: boolean;
  /** Why it can make none of this source; null when it seems that it can. Looks only. */
  obstacle(wish: SnapshotWish): Promise<string | null>;
  /** What a snapshot consists of, before it is made: it is written down, and found again by that. */
  plan(wish: SnapshotWish): Promise<readonly string[]>;
  /** SNAPSHOT_IMPOSSIBLE when it turns out that it can make none. What it made until then is ended by the caller. */
  create(wish: SnapshotWish, places: readonly string[]): Promise<View>;
  /**
   * Has it rest until it is compared with: nothing is read from it any more. Gives what more tells then that it is still
   * what it was; null: nothing more.
   */
  keep?(places: readonly string[], id: string): Promise<string | null>;
  /** Removes it; one that has vanished already counts as removed. */
  end(places: readonly string[], end: SnapshotEnd, id: string): Promise<void>;
}

/** USAGE when no provider has the name that the policy asks for. */
export function checkSnapshotPolicy(policy: string): void {
  if (['auto', 'required', 'off', ...providerNames].includes(policy)) return;
  throw fail('USAGE', {
    problem: `there is no snapshot provider ${policy}; there are ${providerNames.join(', ')}, and auto, required, off`,
  });
}
