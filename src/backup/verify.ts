import type { ErrorCode } from '../errors.ts';
import type { Emit } from '../repository/events.ts';
import type { Repository } from '../repository/repository.ts';

export interface VerifyRequest {
  readonly specs: readonly string[];
  readonly all: boolean;
  /** 0 … 100: how many of the blocks are read; maps and manifests are always checked. */
  readonly samplePercent: number;
}

export interface PointDamage {
  /** A code of errors.ts. */
  readonly code: ErrorCode;
  readonly message: string;
  /** Byte range of the disk; null when the whole point is concerned (manifest, map, chain). */
  readonly offset: number | null;
  readonly length: number | null;
}

export interface VerifiedPoint {
  readonly id: string;
  /** Empty when the manifest cannot be read. */
  readonly machine: string;
  readonly disk: string;
  readonly time: string | null;
  readonly ok: boolean;
  readonly blocksChecked: number;
  readonly bytesRead: number;
  readonly damage: readonly PointDamage[];
}

export interface VerifyResult {
  readonly points: readonly VerifiedPoint[];
  /** How many of them are damaged; more than 0 means exit 13. */
  readonly damaged: number;
  readonly blocksChecked: number;
  readonly bytesRead: number;
  readonly seconds: number;
}

/** Reads and checks points. Damage is a result, not an exception. */
export async function verify(
  _repo: Repository,
  _request: VerifyRequest,
  _emit: Emit,
  _signal: AbortSignal,
): Promise<VerifyResult> {
  throw new Error('being written');
}
