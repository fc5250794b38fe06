/**
 * Snapshots: frozen views of a source, made by providers. The policy of a disk is `off`, `auto` (one if it can be had),
 * `required`, or the name of the provider that must make it.
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

/** In the order of preference. None yet. */
const providers: readonly SnapshotProvider[] = [];

/** The provider that the policy asks for; null when the source is to be read as it is. */
export async function chooseProvider(policy: string, source: Source): Promise<SnapshotProvider | null> {
  if (policy === 'off') return null;
  for (const provider of providers) {
    const asked = policy === 'auto' || policy === 'required' || policy === provider.name;
    if (asked && (await provider.detect(source))) return provider;
  }
  if (policy === 'auto') return null;
  const feature = policy === 'required' ? 'taking a snapshot' : `the snapshot provider ${policy}`;
  throw fail('NOT_SUPPORTED', { feature, instead: 'use --snapshot off, or back up a snapshot that you made yourself' });
}
