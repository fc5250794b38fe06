import type { Emit } from '../repository/events.ts';
import type { Repository } from '../repository/repository.ts';

export interface RestoreRequest {
  /** As for `selectPoint`. */
  readonly point: string;
  /** File or block device. */
  readonly to: string;
  /** Default `raw`. */
  readonly format?: string | undefined;
  readonly partition?: number | null | undefined;
  readonly delta?: boolean | undefined;
  readonly force?: boolean | undefined;
  /** Default true: zero blocks become holes. */
  readonly sparse?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

export interface RestoreResult {
  readonly point: string;
  readonly to: string;
  readonly dryRun: boolean;
  readonly size: number;
  readonly bytesWritten: number;
  readonly bytesSkipped: number;
  readonly seconds: number;
}

/** Writes a point to a file or a block device. */
export async function restore(
  _repo: Repository,
  _request: RestoreRequest,
  _emit: Emit,
  _signal: AbortSignal,
): Promise<RestoreResult> {
  throw new Error('being written');
}
