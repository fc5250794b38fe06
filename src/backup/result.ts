/** What a backup comes to. */
import type { Warning } from '../repository/events.ts';
import type { Manifest } from '../repository/manifest.ts';
import type { VolumeAllocation } from './allocation/disk.ts';
import type { Consistency } from './snapshots/provider.ts';

export interface BackupResult {
  /** Id of the new point; null for a dry run. */
  readonly point: string | null;
  readonly dryRun: boolean;
  readonly machine: string;
  readonly disk: string;
  /** ISO 8601 UTC; null for a dry run. */
  readonly pointTime: string | null;
  readonly kind: Manifest['kind'];
  readonly parent: string | null;
  /** Bytes of the disk; null for the dry run of a stream. */
  readonly size: number | null;
  readonly bytesRead: number;
  readonly bytesNew: number;
  readonly bytesStored: number;
  readonly blocks: { readonly changed: number; readonly zero: number; readonly deduplicated: number };
  /** Name of the provider; `off` when the source was read as it is. */
  readonly snapshot: string;
  readonly consistency: Consistency;
  readonly tracker: string;
  /** What the tracker did, or why none did; null when there was none to ask. */
  readonly tracking: Manifest['tracking'] | null;
  /** What the file systems said of their volumes; null when they were not asked. */
  readonly allocation: readonly VolumeAllocation[] | null;
  /** Bytes that were not read, holes among them: nobody uses them, or they had not changed. */
  readonly skipped: { readonly unallocated: number; readonly unchanged: number };
  /** What it has in common with the other disks of its run; null when it was the only one. */
  readonly group: NonNullable<Manifest['group']> | null;
  readonly warnings: readonly Warning[];
  readonly seconds: number;
}

/** Of a point that was made. */
export function resultOf(manifest: Manifest, warnings: readonly Warning[], seconds: number): BackupResult {
  const { bytesRead, bytesNew, bytesStored, blocks } = manifest.stats;
  return {
    point: manifest.id,
    dryRun: false,
    machine: manifest.machine,
    disk: manifest.disk,
    pointTime: manifest.time,
    kind: manifest.kind,
    parent: manifest.parent,
    size: manifest.size,
    bytesRead,
    bytesNew,
    bytesStored,
    blocks,
    snapshot: manifest.snapshot,
    consistency: manifest.consistency ?? 'none',
    tracker: manifest.tracker,
    tracking: manifest.tracking ?? null,
    allocation: manifest.allocation ?? null,
    skipped: manifest.skipped ?? { unallocated: 0, unchanged: 0 },
    group: manifest.group ?? null,
    warnings,
    seconds,
  };
}

export function secondsSince(started: number): number {
  return (Date.now() - started) / 1000;
}
