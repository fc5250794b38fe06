import type { Chain } from '../native.ts';
import type { Manifest } from './manifest.ts';
import type { Repository } from './repository.ts';

export interface PointChain {
  /** Newest first. */
  readonly manifests: readonly Manifest[];
  readonly layers: Chain;
}

/** The chain that a point stands on, itself included. */
export async function chainOf(_repo: Repository, _manifest: Manifest): Promise<PointChain> {
  throw new Error('being written');
}
