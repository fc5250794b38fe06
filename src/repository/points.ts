import type { ErrorCode } from '../errors.ts';
import type { Manifest } from './manifest.ts';
import type { Repository } from './repository.ts';

/** A restore point as lists show it. */
export interface Point {
  readonly id: string;
  readonly machine: string;
  readonly disk: string;
  readonly time: string;
  readonly kind: Manifest['kind'];
  readonly parent: string | null;
  readonly chainLength: number;
  readonly size: number;
  readonly bytesStored: number;
  readonly type: string;
  readonly tags: readonly string[];
  readonly note: string;
  readonly protected: boolean;
  /** When all of it was last found good; null when it never was, or damage was found since. */
  readonly verified: string | null;
  readonly forgotten: boolean;
  readonly manifest: Manifest;
}

/** A point whose manifest cannot be used. */
export interface DamagedPoint {
  readonly name: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface PointFilter {
  readonly machine?: string | undefined;
  readonly disk?: string | undefined;
  readonly tag?: string | undefined;
  readonly type?: string | undefined;
  readonly limit?: number | undefined;
  readonly includeForgotten?: boolean | undefined;
}

export interface PointList {
  /** Newest first. */
  readonly points: Point[];
  readonly damaged: DamagedPoint[];
}

/** All restore points that pass the filter; manifests that cannot be used are named beside them. */
export async function listPoints(_repo: Repository, _filter: PointFilter = {}): Promise<PointList> {
  throw new Error('being written');
}
