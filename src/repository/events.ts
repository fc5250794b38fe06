/** The one stream of events that every long action emits; faces draw, print or send it. The time is added by jobs. */
import type { Traffic } from './stores/traffic.ts';

export interface Warning {
  readonly code: WarningCode;
  readonly message: string;
}

export type WarningCode =
  | 'LIVE_SOURCE'
  | 'SOURCE_RECONNECTED'
  | 'NOT_ONE_INSTANT'
  | 'HOOK_FAILED'
  | 'TRACKER_DISTRUSTED'
  | 'NOT_TRACKED'
  | 'UNREADABLE'
  | 'PARENT_UNUSABLE'
  | 'MANIFEST_DAMAGED'
  | 'POINT_BROKEN'
  | 'LAYOUT_UNKNOWN'
  | 'PACK_MISSING'
  | 'PACK_DAMAGED'
  | 'BAD_FRAMES'
  | 'NOT_MAPPED'
  | 'CACHE_UNUSABLE'
  | 'LEASE_RENEWAL'
  | 'CLOCK_WRONG'
  | 'TAKES_LONG'
  | 'MARK_NOT_WRITTEN'
  | 'READING_UNPROTECTED'
  | 'NOT_JOINED'
  | 'NOT_CONSOLIDATED'
  | 'NOT_COLLECTED'
  | 'CLEANUP'
  | 'REFRESH'
  | 'MOUNT_IN_USE'
  | 'LEFTOVER'
  | 'NBD_CLIENT'
  | 'RUN_NOT_RECORDED';

export type StrataEvent =
  | {
      readonly event: 'started';
      readonly action: 'backup' | 'verify' | 'restore' | 'synthesis' | 'repair';
      /** What it is about: the source, the points, the target. */
      readonly subject: string;
      readonly machine?: string;
      readonly disk?: string;
      readonly point?: string;
      readonly kind?: 'full' | 'incremental';
      readonly parent?: string | null;
      /** Bytes to go through; null when not known (a stream). */
      readonly size?: number | null;
      /** Of one disk of several: what their points have in common. */
      readonly group?: string;
    }
  | { readonly event: 'stage'; readonly stage: Stage }
  | {
      readonly event: 'progress';
      readonly position: number;
      readonly total: number | null;
      readonly bytesRead?: number;
      readonly bytesNew?: number;
      readonly bytesStored?: number;
      /** Of a backup: seconds that the rest will take, and bytes a second that arrive; null as long as too little is known. */
      readonly secondsLeft?: number | null;
      readonly storeRate?: number | null;
      readonly bytesWritten?: number;
      readonly bytesSkipped?: number;
    }
  | ({ readonly event: 'warning' } & Warning)
  | {
      /** A mount is ready for use; `record` is what `strata mounts` lists it by. */
      readonly event: 'mounted';
      readonly directory: string;
      readonly record: string;
      /** The point that it shows; null for all of them. */
      readonly point: string | null;
    }
  | {
      /** An NBD server can be used. */
      readonly event: 'listening';
      readonly uri: string;
      readonly point: string;
    }
  | {
      /** Something could not be read through a mount; the reader got an error. */
      readonly event: 'damaged';
      readonly point: string;
      readonly file: string;
      readonly offset?: number;
      readonly length?: number;
      readonly code: string;
      readonly message: string;
    }
  | {
      /** A snapshot of a source was made, removed, kept for the next backup or dropped by it, or cleared after a killed process. */
      readonly event: 'snapshot';
      readonly act: 'created' | 'removed' | 'kept' | 'dropped' | 'cleared';
      readonly provider: string;
      readonly source: string;
      readonly consistency?: string;
    }
  | {
      /** What a tracker says has changed; when it cannot say, why. */
      readonly event: 'tracked';
      readonly tracker: string;
      /** Bytes that need not be read. */
      readonly unchanged: number;
      readonly reason: string | null;
    }
  | {
      /** A command of the user around a backup has ended. */
      readonly event: 'hook';
      readonly hook: string;
      readonly ok: boolean;
      readonly seconds: number;
      /** Why it did not end well. */
      readonly reason: string | null;
    }
  | ({
      /** What the action had to do with object storage; a job tells it with its result. */
      readonly event: 'traffic';
      /** US dollars, about (stores/traffic.ts). */
      readonly estimate: number;
    } & Traffic)
  | {
      /** A run that died was found; its packs that arrived are used. */
      readonly event: 'resumed';
      readonly run: string;
      readonly machine: string | null;
      readonly disk: string | null;
      readonly packs: number;
      readonly bytes: number;
    };

export type Stage =
  | 'check'
  | 'snapshot'
  | 'allocation'
  | 'index'
  | 'read'
  | 'commit'
  | 'verify'
  | 'write'
  | 'mark'
  | 'sweep'
  | 'rewrite'
  | 'merge'
  | 'rebuild';

export type Emit = (event: StrataEvent) => void;
