import type { Repository } from './repository.ts';

export interface ForgetResult {
  readonly dryRun: boolean;
  /** Ids of the points that are gone from lists. */
  readonly forgotten: readonly string[];
  /** Ids among them on which points that stay depend: they stay readable for those. */
  readonly neededByOthers: readonly string[];
  /** Bytes freed at once; packs are freed by collection. */
  readonly bytesFreed: number;
}

/** Drops points; protected ones and the last verified one of a disk are refused, then none is dropped. */
export async function forgetPoints(
  _repo: Repository,
  _specs: readonly string[],
  _options: { readonly dryRun?: boolean | undefined } = {},
): Promise<ForgetResult> {
  throw new Error('being written');
}
