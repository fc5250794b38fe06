/** What differs between two points. */
import { fail, fromNative } from '../errors.ts';
import { native } from '../native.ts';
import { chainOf } from './chain.ts';
import type { Point } from './points.ts';
import type { Repository } from './repository.ts';

export interface DiffResult {
  readonly a: string;
  readonly b: string;
  readonly changedBytes: number;
  /** [offset, length] pairs in bytes, ascending. */
  readonly extents: readonly (readonly [number, number])[];
}

/** What differs between two points, in whole blocks, up to the size of the larger. */
export async function diffPoints(repo: Repository, a: Point, b: Point): Promise<DiffResult> {
  const { blockSize } = a.manifest;
  if (b.manifest.blockSize !== blockSize) {
    throw fail('NOT_SUPPORTED', {
      feature: `comparing points with blocks of ${blockSize} and ${b.manifest.blockSize} bytes`,
      instead: 'compare points with equal blocks',
    });
  }
  const chains = { a: (await chainOf(repo, a.manifest)).layers, b: (await chainOf(repo, b.manifest)).layers };
  try {
    const extents = await native.diff({ vault: repo.vault, ...chains, blockSize });
    return { a: a.id, b: b.id, changedBytes: extents.reduce((sum, [, length]) => sum + length, 0), extents };
  } catch (error) {
    throw fromNative(error, `the maps of ${a.id} and ${b.id}`);
  }
}
