import type { Emit, Warning } from '../repository/events.ts';
import type { Repository } from '../repository/repository.ts';

export const pointTypes = ['manual', 'scheduled', 'snapshot', 'pre-deploy'] as const;

export interface BackupRequest {
  /** A block device, an image file, a named pipe, or `-` for standard input. */
  readonly source: string;
  /** Default: the host's name. */
  readonly machine?: string | undefined;
  /** Default: the base name of the source. */
  readonly disk?: string | undefined;
  readonly full?: boolean | undefined;
  /** `auto` (default), `required`, `off`, or the name of a provider. */
  readonly snapshot?: string | undefined;
  /** `auto` (default), `off`, or the name of a tracker. */
  readonly tracker?: string | undefined;
  readonly allocationMap?: boolean | undefined;
  readonly type?: (typeof pointTypes)[number] | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly note?: string | undefined;
  /** Bytes a second; 0 (default) = no limit. */
  readonly rateLimit?: number | undefined;
  /** zstd level; default 1. */
  readonly level?: number | undefined;
  readonly dryRun?: boolean | undefined;
  /** Folder of the deduplication cache; default under XDG_CACHE_HOME. */
  readonly cacheFolder?: string | undefined;
}

export interface BackupResult {
  /** Id of the new point; null for a dry run. */
  readonly point: string | null;
  readonly dryRun: boolean;
  readonly machine: string;
  readonly disk: string;
  readonly time: string;
  readonly kind: 'full' | 'incremental';
  readonly parent: string | null;
  /** Bytes of the disk; null for the dry run of a stream. */
  readonly size: number | null;
  readonly bytesRead: number;
  readonly bytesNew: number;
  readonly bytesStored: number;
  readonly blocks: {
    readonly changed: number;
    readonly zero: number;
    readonly deduplicated: number;
  };
  readonly snapshot: string;
  readonly tracker: string;
  readonly warnings: readonly Warning[];
  readonly seconds: number;
}

/** Makes a restore point of a source. Warnings in the result mean exit 3. */
export async function backup(
  _repo: Repository,
  _request: BackupRequest,
  _emit: Emit,
  _signal: AbortSignal,
): Promise<BackupResult> {
  throw new Error('being written');
}
