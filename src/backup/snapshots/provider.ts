/**
 * Snapshots: frozen views of a source, made by providers. The policy of a disk is `off`, `auto` (one if it can be had),
 * `required`, or the name of the provider that must make it.
 */
import { fail } from '../../errors.ts';
import type { Source } from '../source.ts';

/**
 * What a view of a source is worth: the applications had brought their files to rest; the file system had; it is all of
 * one instant, as after a power cut; nothing keeps it from changing while it is read.
 */
export const consistencies = ['application', 'file-system', 'crash', 'none'] as const;

export type Consistency = (typeof consistencies)[number];

/** `auto` and `required` take the first that can, but for those that must be asked for by name. */
export const providerNames = ['reflink', 'btrfs', 'thin', 'lvm', 'dm-snapshot', 'freeze'] as const;

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
  /** Milliseconds that a file system may stand still. */
  readonly freezeLimit: number;
  /** Paths that must stay writable. */
  readonly needed: readonly string[];
}

/** A snapshot as its provider has made it. */
export interface View {
  /** What to read in place of the source. */
  readonly path: string;
  /** Comes when it is known before the end that it does not hold. */
  readonly lost?: AbortSignal;
  /** To be called when all is read: SNAPSHOT_LOST when it did not hold until then. */
  proven(): Promise<void>;
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
  /** Has it rest until it is compared with: nothing is read from it any more. */
  keep?(places: readonly string[], id: string): Promise<void>;
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
