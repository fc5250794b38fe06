import type { Point } from './points.ts';
import type { Repository } from './repository.ts';

export interface DiffResult {
  readonly a: string;
  readonly b: string;
  readonly changedBytes: number;
  /** [offset, length] pairs in bytes, ascending. */
  readonly extents: readonly (readonly [number, number])[];
}

/** What differs between two points, in whole blocks. */
export async function diffPoints(_repo: Repository, _a: Point, _b: Point): Promise<DiffResult> {
  throw new Error('being written');
}
