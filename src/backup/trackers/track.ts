/** What a run leaves out because it did not change: as the policy of the disk wants, as far as a tracker is trusted. */
import { fail } from '../../errors.ts';
import type { Warning } from '../../repository/events.ts';
import type { Manifest } from '../../repository/manifest.ts';
import type { Extents } from '../allocation/allocation.ts';
import type { DiskAllocation } from '../allocation/disk.ts';
import { bytesIn } from '../allocation/extents.ts';
import type { Taken } from '../snapshots/take.ts';
import { missesDiscards } from './discards.ts';
import { eraTracker, isEraDevice } from './era.ts';
import { type Hints, hintsTracker } from './hints.ts';
import { nbdBitmapTracker } from './nbd-bitmap.ts';
import { reflinkTracker } from './reflink.ts';
import { thinTracker } from './thin.ts';
import { dattobdTracker, elastioSnapTracker } from './traced.ts';
import type { Tracker, TrackerName } from './tracker.ts';
import { zfsTracker } from './zfs.ts';

export interface TrackingOrder {
  readonly policy: string;
  readonly hints: { readonly path: string; readonly content: Hints } | null;
  /** The bitmap that begins now, when the policy wants one. */
  readonly bitmap: string | null;
  readonly parent: Manifest | null;
  /** That is not to be used: it was wrong. */
  readonly distrusted: Distrusted | null;
  readonly taken: Taken;
  /** What the file systems said of the snapshot; null when they were not asked. */
  readonly allocation: DiskAllocation | null;
  readonly warn: (warning: Warning) => void;
  /** Ends what takes long. */
  readonly signal: AbortSignal;
}

export interface Distrusted {
  readonly tracker: string;
  readonly reason: string;
}

type Recorded = NonNullable<Manifest['tracking']>;

export interface Tracking {
  readonly tracker: TrackerName | 'off';
  readonly unchanged: Extents;
  readonly auditPercent: number;
  /** Whether the snapshot that is read has to stay for the next backup. */
  readonly keepsSnapshot: boolean;
  /** As on the point, but for the audit. */
  readonly recorded: Omit<Recorded, 'auditedBlocks'> | null;
}

const nothing = { tracker: 'off', unchanged: [], auditPercent: 0, keepsSnapshot: false } as const;

/** Each goes with the provider of its name. */
const ofProviders: readonly Tracker[] = [reflinkTracker, zfsTracker, thinTracker, dattobdTracker, elastioSnapTracker];

/** Of the unchanged blocks one of a hundred is read, but not more than a part of what changed, and a few at least. */
const auditShare = 0.01;
const auditOfChanged = 0.05;
const auditAtLeast = 8;

/** Asks the tracker that the policy allows. */
export async function track(order: TrackingOrder): Promise<Tracking> {
  const { parent, taken, allocation, warn, distrusted, signal } = order;
  const tracker = await chosen(order);
  if (tracker === null) return { ...nothing, recorded: null };
  if (distrusted?.tracker === tracker.name) {
    const again = tracker.name === 'nbd-bitmap' ? 'one backup with --tracker off' : `--tracker ${tracker.name}`;
    const message = `the tracker ${tracker.name} is switched off for this disk: ${distrusted.reason}; ${again} trusts it again`;
    warn({ code: 'TRACKER_DISTRUSTED', message });
    return whole(distrusted.reason, { distrusted });
  }
  const kept = (await tracker.keeps?.(taken)) ?? null;
  const more = kept === null ? {} : { kept };
  const keepsSnapshot = kept !== null && !tracker.leavesSnapshot;
  const compareAll = (reason: string): Tracking => ({ ...whole(reason, more), keepsSnapshot });
  if (parent === null) return compareAll(withoutParent(order, tracker));
  if (tracker.missesDiscards && (await missesDiscards(taken.view.path, allocation))) {
    return compareAll(`${tracker.name} does not note what is discarded, and no map says what is still used`);
  }
  const changes = await tracker.since(parent, taken, signal);
  if ('unknown' in changes) {
    // Whoever keeps bitmaps wants to know when they serve for nothing.
    if (tracker.name === 'nbd-bitmap') warn(untracked(changes.unknown));
    return compareAll(changes.unknown);
  }
  const auditPercent = auditOf(changes.unchanged, changes.changedBytes, parent.blockSize);
  const recorded = { since: parent.id, reason: null, ...more };
  return { tracker: tracker.name, unchanged: changes.unchanged, auditPercent, keepsSnapshot, recorded };
}

/** TRACKER_DISTRUSTED when the audit found blocks that had changed all the same. */
export function requireHonest({ tracker }: Tracking, changedUnseen: Extents): void {
  if (changedUnseen.length === 0) return;
  const [[offset] = [0]] = changedUnseen;
  throw fail('TRACKER_DISTRUSTED', { tracker, bytes: bytesIn(changedUnseen), offset });
}

/** The same for a point that it is not sure what of was read: the next one is not compared by what is kept of it. */
export function keepingNothing(tracking: Tracking): Tracking {
  if (tracking.recorded === null) return tracking;
  const { kept: _, ...recorded } = tracking.recorded;
  return { ...tracking, keepsSnapshot: false, recorded };
}

async function chosen({ policy, hints, bitmap, taken, warn }: TrackingOrder): Promise<Tracker | null> {
  if (policy === 'off') return null;
  if (hints !== null) return hintsTracker(hints.path, hints.content);
  if (bitmap !== null) {
    if (taken.view.kind === 'nbd') return nbdBitmapTracker(bitmap);
    warn(untracked('the tracker nbd-bitmap needs an NBD export'));
    return null;
  }
  const ofProvider = ofProviders.find(({ name }) => name === taken.provider) ?? null;
  const able = ofProvider ?? ((await isEraDevice(taken.view.path)) ? eraTracker : null);
  if (policy === 'auto' || policy === able?.name) return able;
  const needs = policy === eraTracker.name ? 'a device of the target era' : `a snapshot by ${policy}`;
  warn(untracked(`the tracker ${policy} needs ${needs}`));
  return null;
}

function untracked(reason: string): Warning {
  return { code: 'NOT_TRACKED', message: `everything is read: ${reason}` };
}

/** Everything is read. */
function whole(reason: string, more: Partial<Recorded>): Tracking {
  return { ...nothing, recorded: { since: null, reason, ...more } };
}

function withoutParent({ hints }: TrackingOrder, { name }: Tracker): string {
  const reason = 'there is no point to compare with';
  if (name === 'hints') throw fail('HINTS_UNSUITABLE', { path: hints?.path ?? '', reason });
  return reason;
}

function auditOf(unchanged: Extents, changedBytes: number, blockSize: number): number {
  const blocks = bytesIn(unchanged) / blockSize;
  if (blocks === 0) return 0;
  const ofChanged = (changedBytes / blockSize) * auditOfChanged;
  const wanted = Math.max(auditAtLeast, Math.min(blocks * auditShare, ofChanged));
  return Math.min(100, (wanted / blocks) * 100);
}
