/**
 * Snapshots: frozen views of a source, made by providers. The policy of a disk is `off`, `auto` (one if it can be
 * had), `required`, or the name of the provider that must make it. There is no provider yet, so `auto` reads the
 * source as it is, and what needs one is refused.
 */
import { fail } from '../../errors.ts';
import type { Source } from '../source.ts';

/** A snapshot that exists. */
export interface Snapshot {
  readonly provider: string;
  /** What to read in place of the source. */
  readonly path: string;
  /** Removes it; one that has vanished already counts as removed. */
  finish(outcome: 'success' | 'abort'): Promise<void>;
}

export interface SnapshotProvider {
  readonly name: string;
  /** Whether it can freeze this source. */
  detect(source: Source): Promise<boolean>;
  create(source: Source): Promise<Snapshot>;
}

/** NOT_SUPPORTED when the policy does not leave the source to be read as it is. */
export function checkSnapshotPolicy(policy: string): void {
  if (policy === 'off' || policy === 'auto') return;
  const feature = policy === 'required' ? 'taking a snapshot' : `the snapshot provider ${policy}`;
  throw fail('NOT_SUPPORTED', { feature, instead: 'use --snapshot off, or back up a snapshot that you made yourself' });
}
